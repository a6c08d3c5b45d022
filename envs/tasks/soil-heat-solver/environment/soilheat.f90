! Temperature in layered soil, one dimension, driven by a sinusoidal surface temperature.
!
!   c(z) dT/dt = d/dz ( k(z) dT/dz ),  T(0,t) = t_mean + t_amp*sin(2*pi*t/period_s),
!   no heat flow through the bottom,   T(z,0) = t_init
!
! usage: soilheat CASE.nml > OUT.csv
program soilheat
  implicit none
  integer, parameter :: dp = kind(1.0d0), maxlay = 10, maxprobe = 20
  real(dp), parameter :: pi = 3.14159265358979324_dp
  integer :: nlayers = 1, nz = 50, nprobes = 1
  real(dp) :: bottom_m(maxlay) = 0, conductivity(maxlay) = 0, heat_capacity(maxlay) = 0
  real(dp) :: dt_s = 3600, days = 10, out_every_s = 86400, t_init = 0
  real(dp) :: t_mean = 0, t_amp = 0, period_s = 86400, probes_m(maxprobe) = 0
  namelist /soil/ nlayers, bottom_m, conductivity, heat_capacity
  namelist /run/ nz, dt_s, days, out_every_s, t_init, t_mean, t_amp, period_s, nprobes, probes_m

  character(len=512) :: path
  real(dp), allocatable :: temp(:), new(:), alpha(:)
  real(dp) :: dz, z
  real :: t
  integer :: unit, i, j, step, nsteps, every

  call get_command_argument(1, path)
  open (newunit=unit, file=trim(path), status='old', action='read')
  read (unit, nml=soil)
  read (unit, nml=run)
  close (unit)

  dz = bottom_m(nlayers)/nz
  allocate (temp(0:nz), new(0:nz), alpha(0:nz))
  do i = 0, nz
    z = i*dz
    j = 1
    do while (j < nlayers .and. z > bottom_m(j) + 1d-9)
      j = j + 1
    end do
    alpha(i) = conductivity(j)/heat_capacity(j)
  end do

  temp = t_init
  nsteps = nint(days*86400/dt_s)
  every = nint(out_every_s/dt_s)
  write (*, '(a,*(:,",",f0.3))') 'time_s', probes_m(1:nprobes)

  t = 0
  do step = 1, nsteps
    new(0) = surface(t)
    do i = 1, nz - 1
      new(i) = temp(i) + dt_s*alpha(i)*(temp(i + 1) - 2*temp(i) + temp(i - 1))/dz**2
    end do
    new(nz) = temp(nz) + dt_s*alpha(nz)*2*(temp(nz - 1) - temp(nz))/dz**2
    temp = new
    t = t + real(dt_s)
    temp(0) = surface(t)
    if (mod(step, every) == 0) then
      write (*, '(f0.1,*(:,",",f0.4))') step*dt_s, (at_depth(probes_m(i)), i=1, nprobes)
    end if
  end do

contains

  ! Surface temperature in degrees Celsius at time now (seconds).
  real(dp) function surface(now)
    real, intent(in) :: now
    surface = t_mean + t_amp*sin(2*pi*now/period_s)
  end function

  ! Temperature at a depth in metres, linear between nodes.
  real(dp) function at_depth(depth)
    real(dp), intent(in) :: depth
    integer :: n
    real(dp) :: f
    n = min(int(depth/dz), nz - 1)
    f = depth/dz - n
    at_depth = (1 - f)*temp(n) + f*temp(n + 1)
  end function

end program

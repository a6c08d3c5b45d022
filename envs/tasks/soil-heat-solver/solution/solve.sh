#!/bin/bash
set -euo pipefail

# I read the program and the case first.
ls -l
cat soilheat.f90 Makefile site.nml

# An explicit scheme. I work out the explicit scheme's number r = alpha*dt/dz^2 for each layer, once with heat_capacity as the code takes it and once with kJ turned into J; it must be at most 0.5.
awk 'BEGIN { dz = 3.0 / 60; dt = 7200; split("0.32 1.90 1.25", k); split("3100 2250 2900", c)
  for (j = 1; j <= 3; j++) printf "layer %d: r as coded %.1f, with J %.3f, with J and a dt of 6 h %.2f\n", j, k[j]/c[j]*dt/dz^2, k[j]/(c[j]*1000)*dt/dz^2, k[j]/(c[j]*1000)*21600/dz^2 }'

# So kJ were taken for J, and even with right units long steps stay unstable. Before I rewrite I want an exact yardstick: in uniform deep soil the amplitude falls as exp(-z/d) and the phase lags by z/d. I apply only the unit fix to a copy, look at the site and compare. The clock t, a single precision sum, looks doubtful too, so the copy also says how far it is off after four years of 675 s steps.
mkdir -p /tmp/try
sed -e 's|conductivity(j)/heat_capacity(j)$|conductivity(j)/(heat_capacity(j)*1000)|' -e "/^contains/i write (0, '(a,f0.3,a)') 'the clock is off by ', (nsteps*dt_s - t)/86400, ' days'" soilheat.f90 > /tmp/try/units.f90
gfortran -o /tmp/try/units /tmp/try/units.f90
/tmp/try/units site.nml 2> /dev/null | sed -n '1p;$p'
cat > /tmp/try/uniform.nml <<'NML'
&soil
  nlayers = 1, bottom_m = 1.0, conductivity = 1.4, heat_capacity = 2400.0,
/
&run
  nz = 50, dt_s = 300.0, days = 60.0, out_every_s = 21600.0, t_init = 12.0,
  t_mean = 12.0, t_amp = 9.0, period_s = 86400.0, nprobes = 3, probes_m = 0.04, 0.10, 0.20,
/
NML
cat > /tmp/try/wave.awk <<'AWK'
BEGIN { FS = ","; pi = atan2(0, -1); w = 2*pi/86400; d = sqrt(2*1.4/2.4e6/w); z[2] = 0.04; z[3] = 0.10; z[4] = 0.20 }
NR > 1 && $1 > 50*86400 { for (i = 2; i <= 4; i++) { e = $i - 12 - 9*exp(-z[i]/d)*sin(w*$1 - z[i]/d); if (e < 0) e = -e; if (e > m) m = e; n++ } }
END { printf "largest error %.4f degrees in %d values\n", m, n }
AWK
/tmp/try/units /tmp/try/uniform.nml | awk -f /tmp/try/wave.awk
sed -e 's/nz = 50, dt_s = 300.0, days = 60.0/nz = 5, dt_s = 675.0, days = 1461.0/' /tmp/try/uniform.nml > /tmp/try/years.nml
/tmp/try/units /tmp/try/years.nml > /dev/null

# The site still blows up, as r says; with one layer and short steps the units were all, apart from the clock. Two more things are wrong in the text: the explicit step, and alpha*T'' at layer boundaries, which drops the jump of k, so that heat is not conserved. I rewrite the core: one heat balance per node with the conductivity of the cell between two nodes, Crank-Nicolson with at least 144 inner steps per period (a few implicit Euler steps first, so that a jump at the surface does not ring), time computed from the step number in double precision.
python3 - <<'PY'
text = open("soilheat.f90").read()
text = text.replace("  real(dp), allocatable :: temp(:), new(:), alpha(:)\n  real(dp) :: dz, z\n  real :: t\n  integer :: unit, i, j, step, nsteps, every\n",
"""  real(dp), allocatable :: temp(:), new(:), link(:), store(:), mass(:), upper(:)
  real(dp) :: dz, dt, theta, pivot, right
  integer :: unit, i, j, step, sub, nsub, nsteps, every, started
""")
start, end = text.index("  allocate (temp(0:nz)"), text.index("  temp = t_init")
text = text[:start] + """  allocate (temp(0:nz), new(0:nz), link(0:nz), store(nz), mass(nz), upper(0:nz))
  ! Cell i lies between the nodes i-1 and i, inside one layer; link(i) leads from node i to i+1.
  link = 0
  j = 1
  do i = 1, nz
    do while (j < nlayers .and. (i - 0.5_dp)*dz > bottom_m(j))
      j = j + 1
    end do
    link(i - 1) = conductivity(j)/dz
    store(i) = heat_capacity(j)*1000*dz      ! kJ to J
  end do
  do i = 1, nz - 1
    mass(i) = (store(i) + store(i + 1))/2
  end do
  mass(nz) = heat_capacity(nlayers)*1000*dz/2

""" + text[end:]
start, end = text.index("  t = 0\n"), text.index("    if (mod(step, every) == 0) then")
text = text[:start] + """  nsub = max(1, ceiling(144*dt_s/period_s))
  dt = dt_s/nsub
  temp(0) = surface(0.0_dp)
  started = 0
  do step = 1, nsteps
    do sub = 1, nsub
      started = min(started + 1, 100)
      theta = merge(1.0_dp, 0.5_dp, started <= 8)
      new(0) = surface((step - 1)*dt_s + sub*dt)
      upper(0) = 0
      do i = 1, nz
        right = 0
        if (i < nz) right = link(i)*(temp(i + 1) - temp(i))
        pivot = mass(i)/dt + theta*(link(i - 1) + link(i)) - theta*link(i - 1)*upper(i - 1)
        upper(i) = theta*link(i)/pivot
        new(i) = (mass(i)/dt*temp(i) + (1 - theta)*(right - link(i - 1)*(temp(i) - temp(i - 1))) &
                  + theta*link(i - 1)*new(i - 1))/pivot
      end do
      do i = nz - 1, 1, -1
        new(i) = new(i) + upper(i)*new(i + 1)
      end do
      temp = new
    end do
""" + text[end:]
text = text.replace("    real, intent(in) :: now", "    real(dp), intent(in) :: now")
open("soilheat.f90", "w").write(text)
PY
make
./soilheat /tmp/try/uniform.nml | awk -f /tmp/try/wave.awk

# The same wave with dt_s of six hours must stay as exact.
sed 's/dt_s = 300.0/dt_s = 21600.0/' /tmp/try/uniform.nml > /tmp/try/coarse.nml
./soilheat /tmp/try/coarse.nml | awk -f /tmp/try/wave.awk

# For layers I have no short formula, but a right scheme converges: a case with strong contrasts must hardly change when the grid is refined four times and the step six times.
cat > /tmp/try/layers.nml <<'NML'
&soil
  nlayers = 3, bottom_m = 0.1, 0.3, 0.8, conductivity = 0.25, 2.3, 0.6, heat_capacity = 1900.0, 2500.0, 3600.0,
/
&run
  nz = 80, dt_s = 1800.0, days = 6.0, out_every_s = 10800.0, t_init = 15.0,
  t_mean = 15.0, t_amp = 14.0, period_s = 86400.0, nprobes = 4, probes_m = 0.05, 0.10, 0.20, 0.30,
/
NML
sed 's/nz = 80, dt_s = 1800.0/nz = 320, dt_s = 300.0/' /tmp/try/layers.nml > /tmp/try/finer.nml
./soilheat /tmp/try/layers.nml > /tmp/try/a.csv
./soilheat /tmp/try/finer.nml > /tmp/try/b.csv
paste -d, /tmp/try/a.csv /tmp/try/b.csv | awk -F, 'NR > 5 { for (i = 2; i <= 5; i++) { e = $i - $(i+5); if (e < 0) e = -e; if (e > m) m = e } } END { printf "largest change %.4f degrees\n", m }'

# Now the site itself, with the time it takes; and I look whether the numbers make sense: mean 7.4, a damped and late wave in depth. make has nothing left to do, so the program is built from this text.
make
time ./soilheat site.nml > site.csv
sed -n '1p;110,146p' site.csv
wc -l site.csv

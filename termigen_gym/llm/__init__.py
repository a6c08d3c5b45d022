"""Chat models behind one protocol: any OpenAI-compatible endpoint, scripted replies, recorded runs."""

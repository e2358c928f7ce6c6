"""Ionic parameters of the published law from a pulse train. In: conductances after pulses. Out: PulseFit."""

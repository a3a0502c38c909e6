"""coinslot: people pay for and use unattended appliances, and every minor unit is accounted for."""

__version__ = "0.1.0"

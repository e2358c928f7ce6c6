"""What the demo does, and how much of it."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class DemoSettings:
    """Size of each stage; the defaults are the demo, smaller ones serve the tests.

    Attributes:
        card: device card that the run starts from.
        seed: of everything random.
        resolution: of the meshes.
        forming_resolution: mesh of the synthetic forming curve, another one than the fit's.
        bias_points: biases of the compact table.
        density_points: dome densities of the table.
        ambient_points: ambient temperatures of the table.
        probes: sweeps off the grid that measure the table's error.
        map_bias_V: bias of the field maps.
        sweep_rate_V_per_s: rate of the switching loop.
        pulses: set pulses, reset pulses, alternating pulses.
        array: rows and columns of the array that is formed, cycled and pulsed.
        cycles: slow cycles of it.
        program_cells: cells that pulses program to each level.
        wire_sizes: rows and columns of the tiles with wires.
        cells: cells programmed to each level by the measured law.
        draws: draws of the matrix-product experiment.
        train_images: images of an epoch.
        test_images: images of the test.
        epochs: of the paper's device.
        derived_epochs: of the device derived in this run.
        jobs: processes for field solutions.
    """

    card: str = "cmo_hfox"
    seed: int = 1
    resolution: float = 1.0
    forming_resolution: float = 1.4
    bias_points: int = 25
    density_points: int = 15
    ambient_points: int = 3
    probes: int = 8
    map_bias_V: float = 1.2
    sweep_rate_V_per_s: float = 1.0
    pulses: tuple[int, int, int] = (400, 400, 500)
    array: tuple[int, int] = (8, 4)
    cycles: int = 5
    program_cells: int = 32
    wire_sizes: tuple[int, ...] = (32, 64, 128)
    cells: int = 200
    draws: int = 10
    train_images: int = 60000
    test_images: int = 10000
    epochs: int = 6
    derived_epochs: int = 6
    jobs: int = 2

    def part(self, *names: str) -> dict:
        """Some settings by name, as the key of a stage."""
        everything = asdict(self)
        return {name: everything[name] for name in ("seed", *names)}

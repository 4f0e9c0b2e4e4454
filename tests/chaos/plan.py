"""How a scenario is to be run."""

from dataclasses import dataclass

from tests.chaos.wrapper import DEFECTS


@dataclass(frozen=True)
class Plan:
    is_short: bool = False
    defect: str = ""
    """One that the scenario must report: of the service (`wrapper`) or of anything else."""
    soak_seconds: float = 600

    def of_service(self) -> str:
        """The defect, if `wrapper` is to plant it."""
        return self.defect if self.defect in DEFECTS else ""

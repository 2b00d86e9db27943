"""All mutants, by chapter."""

from tests.mutants import of_sources, of_the_core, of_the_worker
from tests.mutants.mutant import Chapter, Mutant

CHAPTERS: tuple[Chapter, ...] = (
    *of_the_core.CHAPTERS,
    *of_the_worker.CHAPTERS,
    *of_sources.CHAPTERS,
)

MUTANTS: dict[str, Mutant] = {
    mutant.name: mutant for chapter in CHAPTERS for mutant in chapter.mutants
}
"""Every mutant by its name."""

assert len(MUTANTS) == sum(len(chapter.mutants) for chapter in CHAPTERS)

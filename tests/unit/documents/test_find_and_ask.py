"""Passages of one's documents, and an answer that cites them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon.conversations.complete import Complete
from antiphon.conversations.memory import MemoryBudget, MemoryConversations, NoPassages
from antiphon.documents.ask import Answered, AskDocuments, Question
from antiphon.documents.find import DOCUMENTS, WINDOWS, FindPassages
from antiphon.documents.memory import MemoryPages
from antiphon.documents.model import Page, parts_of
from antiphon.engines.chat import About, Delta, Done, Prompt
from antiphon.engines.chat_models import ChatModels
from antiphon.engines.chat_offline import OfflineChat
from antiphon.platform.errors import Conflict, NotFound
from antiphon.search.find import Find
from antiphon.search.keep import Keep
from antiphon.search.material import OwnMaterial
from antiphon.search.memory import MemoryIndex
from antiphon.search.model import Errand
from antiphon.search.model import Kind as SearchKind
from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Job, Kind, Source, Status
from tests.unit.conftest import HeldClock

ANNA = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"
FILLER = "Nothing of interest stands in this long paragraph about the weather of an ordinary week. " * 30


class Says:
    """A model that says the same whatever it is asked."""

    about = About("m", "openai", 100_000)

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[Prompt] = []

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        self.asked.append(prompt)
        yield Delta(self.text)
        yield Done("stop", 100, 10)

    async def aclose(self) -> None:
        """There is nothing."""


class Library:
    def __init__(self, clock: HeldClock, says: str = "Nothing.") -> None:
        self.clock = clock
        self.jobs = MemoryJobStore()
        self.pages = MemoryPages(self.jobs)
        self.budget = MemoryBudget()
        self.model = Says(says)
        models = ChatModels([self.model, OfflineChat()])
        complete = Complete(models=models, budget=self.budget, passages=NoPassages(), clock=clock)
        self.index = MemoryIndex()
        material = OwnMaterial(MemoryConversations(), self.jobs, self.pages)
        self.find = FindPassages(self.jobs, self.pages, Find(self.index, material, clock).pages)
        self._keep = Keep(self.index, material)
        self.ask = AskDocuments(find=self.find, complete=complete, models=models)
        self._made = 0

    def add(self, *texts: str, user: str = ANNA, done: bool = True) -> str:
        self._made += 1
        now, lease = self.clock(), model.SWEEP_AFTER
        job = Job(f"doc_{self._made:026d}", Kind.DOCUMENT, user, Status.QUEUED, now, source=Source("b", "k"))
        change = model.create(job, now)
        self.jobs.apply(change)
        change = model.claim(change.after, owner="w", message_id="m", lease=lease, now=now)
        self.jobs.apply(change)
        for number, text in enumerate(texts, 1):
            self.pages.write(change.after, list(parts_of(Page(number, text))))
        if done:
            self.jobs.apply(model.finish(change.after, owner="w", now=now))
        return job.id

    def keep(self) -> None:
        """The index has caught up."""
        for number in range(1, self._made + 1):
            self._keep(Errand(ANNA, SearchKind.DOCUMENT, f"doc_{number:026d}"))

    def asked(self, text: str, **more: Any) -> Answered:
        return asyncio.run(self.ask(ANNA, "free", Question(text, **more)))


@pytest.fixture
def library(clock: HeldClock) -> Library:
    return Library(clock)


def test_the_best_passage_stands_first_with_its_page(library: Library) -> None:
    library.add(FILLER, FILLER + "The Fresnel lens came from Lyon." + FILLER)
    other = library.add("A lens.", "Guilders.")
    found = library.find(ANNA, "Where did the Fresnel lens come from?", None, 3)
    assert (found[0].page, "from Lyon" in found[0].text) == (2, True)
    assert (other, 1) in [(p.document_id, p.page) for p in found]
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


def test_stretches_that_overlap_are_one_passage(library: Library) -> None:
    library.add(("needle " + "hay " * 30) * 20)
    found = library.find(ANNA, "needle", None, 20)
    assert len({p.text[:60] for p in found}) == len(found)


def test_only_own_and_finished_documents_are_looked_through(library: Library) -> None:
    mine = library.add("A needle here.")
    library.add("A needle there.", user="usr_other")
    unread = library.add("A needle below.", done=False)
    assert [p.document_id for p in library.find(ANNA, "needle", None, 5)] == [mine]
    with pytest.raises(Conflict) as refused:
        library.find(ANNA, "needle", [mine, unread], 5)
    assert refused.value.code == "document_not_ready"


def test_a_document_of_somebody_else_is_not_there(library: Library) -> None:
    theirs = library.add("A needle.", user="usr_other")
    with pytest.raises(NotFound) as refused:
        library.find(ANNA, "needle", [theirs], 5)
    assert refused.value.fields[0].field == "document_ids[0]"


def test_all_documents_are_looked_through_the_newest_also_before_the_index_has_them(library: Library) -> None:
    oldest = library.add("Of no interest.", "A needle.")
    other = library.add("A thimble.")
    for _ in range(DOCUMENTS):
        library.add("Hay.")
    assert library.find(ANNA, "needle", None, 5) == ()
    library.keep()
    (found,) = library.find(ANNA, "Where is my needle?", None, 5)
    assert (found.document_id, found.page, found.text) == (oldest, 2, "A needle.")
    assert library.find("usr_other", "needle", None, 5) == ()
    newest = library.add("One more needle.")
    assert [p.document_id for p in library.find(ANNA, "needle", None, 5)] == [oldest, newest]
    assert [p.document_id for p in library.find(ANNA, "needle thimble", [other, other], 5)] == [other]


def test_a_page_far_behind_in_a_long_document_is_found(library: Library) -> None:
    long = library.add(*(["Hay and straw."] * (WINDOWS + 50)), "A needle.")
    assert library.find(ANNA, "needle", [long], 5) == ()
    library.keep()
    for named in (None, [long]):
        assert [(p.document_id, p.page) for p in library.find(ANNA, "needle", named, 5)] == [(long, WINDOWS + 51)]


def test_what_the_index_has_not_forgotten_yet_is_not_shown(library: Library) -> None:
    gone = library.add("A needle.")
    for _ in range(DOCUMENTS):
        library.add("Hay.")
    library.keep()
    job = library.jobs.get(ANNA, Kind.DOCUMENT, gone)
    assert job
    library.jobs.delete(job)
    assert library.find(ANNA, "needle", None, 5) == ()


def test_an_answer_cites_the_page_on_which_its_quote_stands(clock: HeldClock) -> None:
    library = Library(clock, "The lens came from Lyon [page 2], say some [page 7].")
    document = library.add("Fees.", "The Fresnel lens came from Lyon.")
    answered = library.asked("Where did the lens come from?")
    assert answered.answer
    (cited,) = answered.answer.citations
    assert (cited.kind, cited.id, cited.page) == ("document", document, 2), "page 7 was made up"
    assert cited.quote in "The Fresnel lens came from Lyon."
    (prompt,) = library.model.asked
    assert "Lyon" not in prompt.system, "what documents say is data"
    assert library.budget.tokens[ANNA] == 110


def test_without_a_model_the_passages_are_quoted(library: Library) -> None:
    library.add("Fees.", "The Fresnel lens came from Lyon.")
    answered = library.asked("Where did the Fresnel lens come from?", model="offline")
    assert answered.answer
    assert "Lyon. [page 2]" in answered.answer.content
    assert [c.page for c in answered.answer.citations] == [2]


def test_where_nothing_fits_no_model_is_asked(library: Library) -> None:
    library.add("Fees.")
    assert library.asked("Xylophone?") == Answered((), None)
    assert library.model.asked == []
    assert library.budget.tokens[ANNA] == 0

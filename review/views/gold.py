"""Known answers: a supervisor sets and retires them; what people are told of their verdicts."""

from django.contrib import messages

from hitlsite.pages import see_other
from review import selectors
from review.forms import DecideForm, parsed
from review.services import gold as service
from review.views.acts import act_on_item


@act_on_item
def gold(request, pk):
    selectors.item_for(request.user, pk)
    values = parsed(DecideForm(request.POST))
    values = {name: values[name] for name in ("verdict", "reason", "note", "category")}
    service.set_gold(pk, by=request.user, **values)
    messages.success(
        request, f"Item {pk} stays in the queue and measures: its answer is known now."
    )
    return see_other("review:item", pk)


@act_on_item
def retire_gold(request, pk):
    selectors.item_for(request.user, pk)
    service.retire_gold(pk, by=request.user)
    messages.success(request, f"Item {pk} has its known answer as your verdict.")
    return see_other("review:item", pk)

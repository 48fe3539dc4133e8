"""Three small networks over windows (n, S, width) that give logits (n, K)."""

import torch
from torch import nn


class Recurrent(nn.Module):
    """A long short-term memory (Hochreiter and Schmidhuber 1997) in both directions."""

    def __init__(self, *, steps, width, classes, hidden, dropout):
        super().__init__()
        self.memory = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(4 * hidden, classes)

    def forward(self, windows):
        seen, _ = self.memory(windows)
        whole = torch.cat([seen.mean(dim=1), seen[:, -1]], dim=1)
        return self.answer(self.dropout(whole))


class Convolved(nn.Module):
    """Dilated convolutions over time with residuals (Bai, Kolter and Koltun 2018)."""

    def __init__(self, *, steps, width, classes, hidden, dropout):
        super().__init__()
        self.first = nn.Conv1d(width, hidden, 1)
        far = [2**power for power in range(5) if 2 ** (power + 1) < max(steps, 3)]
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(hidden, hidden, 3, padding=dilation, dilation=dilation),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Conv1d(hidden, hidden, 1),
            )
            for dilation in far
        )
        self.answer = nn.Linear(2 * hidden, classes)

    def forward(self, windows):
        seen = self.first(windows.transpose(1, 2))
        for layer in self.layers:
            seen = torch.relu(seen + layer(seen))
        return self.answer(torch.cat([seen.mean(dim=2), seen[:, :, -1]], dim=1))


class Attentive(nn.Module):
    """Two blocks of attention between the steps (Vaswani et al. 2017), normalised before each."""

    def __init__(self, *, steps, width, classes, hidden, dropout):
        super().__init__()
        self.first = nn.Linear(width, hidden)
        self.place = nn.Parameter(0.02 * torch.randn(1, steps, hidden))
        self.blocks = nn.ModuleList(_Block(hidden, dropout) for _ in range(2))
        self.norm = nn.LayerNorm(hidden)
        self.answer = nn.Linear(hidden, classes)

    def forward(self, windows):
        seen = self.first(windows) + self.place
        for block in self.blocks:
            seen = block(seen)
        return self.answer(self.norm(seen).mean(dim=1))


class _Block(nn.Module):
    def __init__(self, hidden, dropout):
        super().__init__()
        self.heads = 4 if hidden % 4 == 0 else 1
        self.norms = nn.ModuleList((nn.LayerNorm(hidden), nn.LayerNorm(hidden)))
        self.asked, self.known, self.told = (nn.Linear(hidden, hidden) for _ in range(3))
        self.joined = nn.Linear(hidden, hidden)
        self.thought = nn.Sequential(
            nn.Linear(hidden, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, hidden)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, seen):
        seen = seen + self.dropout(self._attended(self.norms[0](seen)))
        return seen + self.dropout(self.thought(self.norms[1](seen)))

    def _attended(self, seen):
        rows, steps, hidden = seen.shape
        apart = (rows, steps, self.heads, hidden // self.heads)
        asked, known, told = (
            one(seen).reshape(apart).transpose(1, 2) for one in (self.asked, self.known, self.told)
        )
        weights = (asked @ known.transpose(2, 3) / apart[-1] ** 0.5).softmax(dim=3)
        return self.joined((weights @ told).transpose(1, 2).reshape(rows, steps, hidden))

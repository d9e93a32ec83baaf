"""Attention written out: every sequence by itself, every pair of tokens, one head after another."""

import torch


def plain_attention(query, key, value, segments, scoring):
    """What `query` (H, T, D) finds in `key` and `value` (KV, T, D), as (T, H, D)."""
    group = len(query) // len(key)
    out = torch.zeros(query.shape[1], len(query), value.shape[2], dtype=query.dtype)
    rows = []
    for segment in segments:
        own = list(range(segment.start, segment.start + segment.length))
        seen = [*range(segment.shared_start, segment.shared_start + segment.shared), *own]
        heads = []
        for head in range(len(query)):
            scores = scoring.scale * query[head, own] @ key[head // group, seen].T
            if scoring.cap is not None:
                scores = scoring.cap * torch.tanh(scores / scoring.cap)
            for i in range(len(own)):
                place = segment.shared + i
                for j in range(len(seen)):
                    if j > place or (scoring.window is not None and place - j >= scoring.window):
                        scores = scores.index_put(
                            (torch.tensor(i), torch.tensor(j)), torch.tensor(-torch.inf, dtype=scores.dtype)
                        )
            heads.append(scores.softmax(-1) @ value[head // group, seen])
        rows.append((own, torch.stack(heads, dim=1)))
    for own, found in rows:
        out = out.index_copy(0, torch.tensor(own), found)
    return out

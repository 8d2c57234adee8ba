"""The cheapest of the largest matchings in a sparse bipartite graph, exactly and fast.

SciPy's solver takes quadratic time, and longest where nodes must stay alone. So the graph is cut up first: edges that
no largest matching holds are left out (Régin, AAAI 1994). In each piece that remains, all nodes of the smaller side
get a partner.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import (
    connected_components,
    maximum_flow,
    min_weight_full_bipartite_matching,
)

TOGETHER = 1500  # edges of the pieces that are solved in one call


def largest_matching(costs):
    """Pairs rows with columns one to one: as many as possible and, among those, for the least sum.

    Args:
      costs: sparse [R, C] of positive whole numbers; what is not stored is no edge.

    Returns:
      (rows, columns), int [K] each; the pairs are in no particular order.
    """
    costs = sparse.coo_array(costs)
    rows, columns = (axis.astype(np.int64) for axis in costs.coords)
    if not len(rows):
        return rows, columns
    flow, component = _maximum_flow(rows, columns, *costs.shape)
    columns = columns + costs.shape[0]  # rows and columns are nodes of one numbering from here on
    kept = component[rows] == component[columns]
    sure = (
        flow > 0
    ) & ~kept  # an edge between two components is in every largest matching or in none
    pairs = [(rows[sure], columns[sure])]
    if kept.any():
        pairs += _solve(rows[kept], columns[kept], costs.data[kept], sum(costs.shape))
    ends = np.concatenate([np.stack(pair) for pair in pairs], axis=1)
    return ends.min(axis=0), ends.max(axis=0) - costs.shape[0]


def _maximum_flow(rows, columns, height, width):
    """(which edges a largest matching holds, int [E]; strong components of what is left of the network, [R + C])."""
    nodes = height + width
    source, sink = nodes, nodes + 1
    tails = np.concatenate([rows, np.full(height, source), height + np.arange(width)])
    heads = np.concatenate([height + columns, np.arange(height), np.full(width, sink)])
    network = sparse.csr_array(
        (np.ones(len(tails), np.int32), (tails, heads)), (nodes + 2, nodes + 2)
    )
    flow = maximum_flow(network, source, sink).flow
    residual = sparse.csr_array(network - flow)
    residual.eliminate_zeros()
    _, component = connected_components(residual, connection="strong")
    return flow[rows, height + columns], component[:nodes]


def _solve(rows, columns, costs, nodes):
    """[(nodes, nodes)] of each call of the solver, for edges of which each piece's smaller side gets partners, all."""
    graph = sparse.coo_array((np.ones(len(rows), np.int8), (rows, columns)), (nodes, nodes))
    count, piece = connected_components(graph, directed=False)
    height, width = (
        np.bincount(piece[_different(side, nodes)], minlength=count) for side in (rows, columns)
    )
    turned = (width < height)[piece[rows]]
    few, many = np.where(turned, columns, rows), np.where(turned, rows, columns)
    part = (np.cumsum(np.bincount(piece[rows], minlength=count)) // TOGETHER)[piece]
    few_nodes, few_starts, few_places = _by_part(few, part)
    many_nodes, many_starts, many_places = _by_part(many, part)
    # Each of the few also has a column of its own, too dear to be taken: with it the solver sees at once that a full
    # matching exists, which otherwise takes it longer to prove than to find the cheapest.
    own = np.diff(many_starts)[part[few_nodes]] + few_places[few_nodes]
    numbers = np.concatenate([few_starts[part[few]] + few_places[few], np.arange(len(few_nodes))])
    weights = np.concatenate([costs, np.full(len(few_nodes), 1 + costs.sum())])
    table = sparse.csr_array((weights, (numbers, np.concatenate([many_places[many], own]))))
    found = []
    for a, b, c, d in zip(few_starts, few_starts[1:], many_starts, many_starts[1:], strict=False):
        if a < b:
            left, right = _cheapest(table, a, b, b - a + d - c)
            found.append((few_nodes[a + left], many_nodes[c + right]))
    return found


def _by_part(nodes, part):
    """(different `nodes` ordered by part; where each part begins, and the end; the place of each node in its part)."""
    nodes = _different(nodes, len(part))
    nodes = nodes[np.argsort(part[nodes], kind="stable")]
    starts = np.concatenate(
        [[0], np.cumsum(np.bincount(part[nodes], minlength=np.max(part, initial=0) + 1))]
    )
    places = np.zeros(len(part), np.int64)
    places[nodes] = np.arange(len(nodes)) - starts[part[nodes]]
    return nodes, starts, places


def _different(nodes, count):
    """`np.unique` of nodes below `count`, without sorting."""
    present = np.zeros(count, bool)
    present[nodes] = True
    return np.flatnonzero(present)


def _cheapest(table, begin, end, width):
    """(rows, columns) of a full matching of rows `begin` to `end` of a sparse table with columns 0 ... width - 1."""
    edges = slice(table.indptr[begin], table.indptr[end])
    pointers = table.indptr[begin : end + 1] - table.indptr[begin]
    block = sparse.csr_array(
        (table.data[edges], table.indices[edges], pointers), (end - begin, width)
    )
    return min_weight_full_bipartite_matching(block)

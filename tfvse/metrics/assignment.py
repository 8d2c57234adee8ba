"""The cheapest of the largest matchings in a sparse bipartite graph, exactly and fast.

SciPy's solver takes quadratic time, and longest where nodes must stay alone. So the graph is cut
up first: edges that no largest matching holds are left out (Régin, AAAI 1994). In each piece that
remains, all nodes of the smaller side get a partner.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import (
    connected_components,
    maximum_flow,
    min_weight_full_bipartite_matching,
)

from tfvse.typing import Array

TOGETHER = 1500  # edges of the pieces that are solved in one call


class _Part(NamedTuple):
    """One side's nodes, ordered by the part of the graph that they belong to.

    Attributes:
      nodes: int64 [N], different node numbers.
      starts: int64 [P + 1], where each part begins in `nodes`; the last is N.
      places: int64, by node number: its place within its part.
    """

    nodes: Array
    starts: Array
    places: Array


def largest_matching(costs: sparse.sparray) -> tuple[Array, Array]:
    """Pairs rows with columns one to one: as many as possible and, among those, for the least sum.

    Args:
      costs: sparse [R, C] of positive whole numbers. What is not stored is no edge.

    Returns:
      Rows and columns of the K pairs, int64 [K] each, in no particular order.

    Example:
      Both rows get a column only by the two edges that cost 50:

      >>> from scipy import sparse
      >>> from tfvse.metrics.assignment import largest_matching
      >>> rows, columns = largest_matching(sparse.csr_array([[1, 50], [50, 0]]))
      >>> sorted(zip(rows.tolist(), columns.tolist()))
      [(0, 1), (1, 0)]
    """
    costs = sparse.coo_array(costs)
    rows, columns = (axis.astype(np.int64) for axis in costs.coords)
    if not len(rows):
        return rows, columns

    height, width = costs.shape
    flow, component = _maximum_flow(rows, columns, height, width)

    # From here on rows and columns are nodes of one numbering.
    columns = columns + height

    # An edge between two components is in every largest matching or in none.
    kept = component[rows] == component[columns]
    sure = (flow > 0) & ~kept
    pairs = [(rows[sure], columns[sure])]
    if kept.any():
        pairs += _solve(
            rows[kept],
            columns[kept],
            costs.data[kept],
            nodes=height + width,
        )

    # Of the two ends of a pair, rows have the smaller numbers.
    stacked = [np.stack(pair) for pair in pairs]
    ends = np.concatenate(stacked, axis=1)
    rows = ends.min(axis=0)
    columns = ends.max(axis=0) - height
    return rows, columns


def _maximum_flow(
    rows: Array,
    columns: Array,
    height: int,
    width: int,
) -> tuple[Array, Array]:
    """A largest matching, as a flow from a source through rows and columns to a sink.

    Returns:
      int [E], 1 where the matching holds an edge; and int [R + C], the strong component of every
      node in the residual network.
    """
    nodes = height + width
    source = nodes
    sink = nodes + 1
    all_rows = np.arange(height)
    all_columns = height + np.arange(width)
    tails = np.concatenate([rows, np.full(height, source), all_columns])
    heads = np.concatenate([height + columns, all_rows, np.full(width, sink)])

    capacities = np.ones(len(tails), np.int32)
    shape = (nodes + 2, nodes + 2)
    network = sparse.csr_array((capacities, (tails, heads)), shape)
    flow = maximum_flow(network, source, sink).flow

    residual = sparse.csr_array(network - flow)
    residual.eliminate_zeros()
    _, component = connected_components(residual, connection="strong")
    return flow[rows, height + columns], component[:nodes]


def _solve(
    rows: Array,
    columns: Array,
    costs: Array,
    nodes: int,
) -> list[tuple[Array, Array]]:
    """Matches edges of a graph in whose pieces all nodes of the smaller side get a partner.

    Args:
      rows: int64 [E], node at one end of each edge.
      columns: int64 [E], node at the other end.
      costs: [E] of each edge.
      nodes: number of all nodes.

    Returns:
      The matched nodes of each call of the solver, int64 [K] and int64 [K].
    """
    count, piece = _pieces(rows, columns, nodes)
    few, many = _smaller_side_first(rows, columns, piece, count)

    # Pieces are put together until they have enough edges for a call.
    edges_of_piece = np.bincount(piece[rows], minlength=count)
    part = (np.cumsum(edges_of_piece) // TOGETHER)[piece]
    small = _by_part(few, part)
    large = _by_part(many, part)
    table = _table(few, many, costs, part, small, large)

    found = []
    for number in range(len(small.starts) - 1):
        begin, end = small.starts[number : number + 2]
        first, stop = large.starts[number : number + 2]
        if begin < end:
            width = end - begin + stop - first
            left, right = _cheapest(table, begin, end, width)
            left = small.nodes[begin + left]
            right = large.nodes[first + right]
            found.append((left, right))
    return found


def _pieces(
    rows: Array,
    columns: Array,
    nodes: int,
) -> tuple[int, Array]:
    """The number of connected pieces of a graph, and the piece of every node, int [nodes]."""
    edges = np.ones(len(rows), np.int8)
    shape = (nodes, nodes)
    graph = sparse.coo_array((edges, (rows, columns)), shape)
    return connected_components(graph, directed=False)


def _smaller_side_first(
    rows: Array,
    columns: Array,
    piece: Array,
    count: int,
) -> tuple[Array, Array]:
    """The ends of each edge: first that on the side with fewer nodes in its piece; int64 [E]."""
    different_rows = _different(rows, len(piece))
    different_columns = _different(columns, len(piece))
    height = np.bincount(piece[different_rows], minlength=count)
    width = np.bincount(piece[different_columns], minlength=count)

    is_wide = width < height
    turned = is_wide[piece[rows]]
    few = np.where(turned, columns, rows)
    many = np.where(turned, rows, columns)
    return few, many


def _table(
    few: Array,
    many: Array,
    costs: Array,
    part: Array,
    small: _Part,
    large: _Part,
) -> sparse.csr_array:
    """The costs of all parts, one below the other; the columns of each part begin at 0.

    Each node of the smaller side also gets a column of its own, too dear to be taken. It lets the
    solver see at once that a full matching exists. To prove this otherwise takes it longer than to
    find the cheapest.
    """
    edge_rows = small.starts[part[few]] + small.places[few]
    edge_columns = large.places[many]

    count = len(small.nodes)
    part_sizes = np.diff(large.starts)
    own_rows = np.arange(count)
    own_columns = part_sizes[part[small.nodes]] + small.places[small.nodes]
    own_costs = np.full(count, 1 + costs.sum())

    weights = np.concatenate([costs, own_costs])
    rows = np.concatenate([edge_rows, own_rows])
    columns = np.concatenate([edge_columns, own_columns])
    return sparse.csr_array((weights, (rows, columns)))


def _by_part(nodes: Array, part: Array) -> _Part:
    """Orders the different ones of int64 `nodes` by `part`, int64 by node number."""
    nodes = _different(nodes, len(part))
    order = np.argsort(part[nodes], kind="stable")
    nodes = nodes[order]

    parts = np.max(part, initial=0) + 1
    sizes = np.bincount(part[nodes], minlength=parts)
    ends = np.cumsum(sizes)
    starts = np.concatenate([[0], ends])

    places = np.zeros(len(part), np.int64)
    start = starts[part[nodes]]
    places[nodes] = np.arange(len(nodes)) - start
    return _Part(nodes, starts, places)


def _different(nodes: Array, count: int) -> Array:
    """`np.unique` of node numbers below `count`, without sorting."""
    present = np.zeros(count, bool)
    present[nodes] = True
    return np.flatnonzero(present)


def _cheapest(
    table: sparse.csr_array,
    begin: int,
    end: int,
    width: int,
) -> tuple[Array, Array]:
    """The cheapest full matching of rows `begin` to `end` with columns 0 … width - 1.

    Returns:
      Rows, counted from `begin`, and their columns; int [end - begin] each.
    """
    pointers = table.indptr[begin : end + 1]
    edges = slice(pointers[0], pointers[-1])
    contents = (
        table.data[edges],
        table.indices[edges],
        pointers - pointers[0],
    )
    block = sparse.csr_array(contents, (end - begin, width))
    return min_weight_full_bipartite_matching(block)

import KVPolicyKit
import Policies

/// Fills four sequences, evicts from one and releases all, part by part.
///
/// Rows are appended to all sequences in turn, as an engine that serves several sequences does. The
/// pages of one sequence therefore lie between the pages of the others.
func showRelease() throws {
  let shape = CacheShape(layers: 30, keyHeads: 3, queryHeads: 9, headDimension: 64)
  let store = try PagedKVStore(shape: shape)
  show("start", store)
  var sequences: [KVSequence] = []
  for _ in 0..<4 {
    sequences.append(
      store.makeSequence(try PolicyConfiguration("full").makePolicies(.all, shape: shape)))
  }
  let floats = [Float](repeating: 1, count: 64 * shape.keyHeads * shape.headDimension)
  for chunk in 0..<32 {
    for sequence in sequences { try append(floats, chunk: chunk, to: sequence) }
  }
  show("full", store)
  var plan = CachePlan()
  for layer in 0..<shape.layers {
    for head in 0..<shape.keyHeads { plan.keep(1984..<2048, of: LaneID(layer: layer, head: head)) }
  }
  try sequences[0].apply(plan)
  show("evicted", store)
  sequences.removeLast(2)
  show("released", store)
  sequences.removeAll()
  show("end", store)
}

/// Appends one chunk of 64 tokens. `floats` (`tokens × keyHeads × headDimension`) serves as keys
/// and as values.
private func append(_ floats: [Float], chunk: Int, to sequence: KVSequence) throws {
  let moment = Moment.chunk(tokens: 64 * chunk..<64 * (chunk + 1), isLast: chunk == 31)
  try sequence.reserve(tokens: 64)
  for layer in 0..<sequence.store.shape.layers {
    // `floats` is as large as the shape of the store requires.
    try unsafe sequence.append(layer: layer, tokens: 64, keys: floats, values: floats)
  }
  try sequence.finish(moment: moment)
}

/// Prints one line: the action, the bytes of pages in use, and the resident bytes of the process.
private func show(_ name: String, _ store: PagedKVStore) {
  print(name, store.pagesInUse * store.pageBytes, residentBytes())
}

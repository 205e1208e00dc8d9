import KVPolicyKit
import KVPolicyTesting
import Testing

@Suite("Pages") struct StorePagesTests {
  @Test("held by a private lane are its rows over the page size, after any plan")
  func pageFormula() throws {
    for pageRows in [4, 8, 16, 32, 64] {
      var numbers = SplitMix64(seed: UInt64(pageRows))
      let engine = try paintedEngine(pageRows: pageRows)
      var returned = 0
      for _ in 0..<60 {
        try engine.read(Int.random(in: 1...40, using: &numbers))
        let count = engine.sequence.rowCount(layer: 0, head: 0)
        let size = Int.random(in: 0..<count, using: &numbers)
        let before = engine.sequence.statistics.pagesHeld
        try engine.edit { $0.drop((0..<count).shuffled(using: &numbers).prefix(size), of: $1) }
        let statistics = engine.sequence.statistics
        #expect(statistics.pagesHeld == (count - size + pageRows - 1) / pageRows)
        returned += before - statistics.pagesHeld
        #expect(statistics.pagesReturned == returned)
        #expect(engine.sequence.store.pagesInUse == statistics.pagesHeld)
      }
    }
  }

  @Test("are neither taken nor returned by a constant-size cache: the freed row is reused")
  func steadyState() throws {
    let engine = try PlainEngine(
      .random(shape: .small, seed: 3),
      policy: Scripted { cache, plan in
        for head in 0..<cache.shape.keyHeads
        where cache.lane(layer: cache.layers[0], head: head).count > 20 {
          plan.drop(cache.length.tokens * 7 % 20, of: LaneID(layer: cache.layers[0], head: head))
        }
      },
      store: StoreConfiguration(pageRows: 4, format: .f32))
    try engine.read(20)
    try engine.step()
    let (store, start) = (engine.sequence.store, engine.sequence.statistics)
    let (peak, returned) = (store.peakPagesInUse, store.pagesReturned)
    for _ in 0..<200 {
      try engine.step()
      #expect(engine.sequence.statistics.rowsLive == start.rowsLive)
    }
    // Twenty rows fill five pages, so the row of the current step takes a sixth page until the step
    // ends.
    #expect(store.peakPagesInUse == peak)
    #expect(engine.sequence.statistics.residentBytes == start.residentBytes)
    #expect(store.pagesReturned - returned == 200 * 4)
  }

  @Test("of a full page less one are not touched at all by a constant-size cache")
  func steadyStateInPlace() throws {
    let engine = try paintedEngine(pageRows: 8)
    try engine.read(20)
    let store = engine.sequence.store
    for step in 0..<200 {
      try engine.step()
      try engine.edit { $0.drop(step * 5 % 20, of: $1) }
      #expect(store.pagesInUse == 3)
      #expect(store.peakPagesInUse == 3)
      #expect(store.pagesReturned == 0)
    }
  }

  @Test("are shared by a fork until one of the two appends: only the tail is copied")
  func copyOnWrite() throws {
    let engine = try paintedEngine(pageRows: 4)
    try engine.read(10)
    let store = engine.sequence.store
    #expect(store.pagesInUse == 3)
    let fork = engine.fork(reading: .random(shape: .single, seed: 77, rotaryBase: 100))
    #expect(store.pagesInUse == 3)
    let before = engine.rows
    try fork.step()
    #expect(store.pagesInUse == 4)
    #expect(engine.rows == before)
    #expect(fork.rows[0][10].key != before[0][0].key)
    try engine.step()
    // The fork has its own tail now, so the old tail belongs to the origin alone.
    #expect(store.pagesInUse == 4)
    #expect(engine.rows[0].count == 11 && engine.rows[0][10] != fork.rows[0][10])
  }

  @Test("that are shared are never copied by dropping: rows only leave the live mask")
  func liveMasks() throws {
    let engine = try paintedEngine(pageRows: 4)
    try engine.read(64)
    let store = engine.sequence.store
    let fork = engine.fork()
    let before = engine.rows
    try fork.edit { $0.keep(stride(from: 0, to: 64, by: 3), of: $1) }
    #expect(store.pagesInUse == 16)
    #expect(store.peakPagesInUse == 16)
    #expect(engine.rows == before)
    #expect(fork.rows[0].map(\.position) == Array(stride(from: 0, to: 64, by: 3)))
  }

  @Test("with holes are compacted once that frees memory")
  func compaction() throws {
    let engine = try paintedEngine(pageRows: 4)
    try engine.read(64)
    let store = engine.sequence.store
    var fork: PlainEngine? = engine.fork()
    try engine.edit { $0.keep(stride(from: 0, to: 64, by: 4), of: $1) }
    #expect(store.pagesInUse == 16)
    let kept = engine.rows[0]
    #expect(fork?.rows[0].count == 64)
    fork = nil
    // The pages are private now; the next drop finds sixteen private pages for fifteen rows.
    try engine.edit { $0.drop(15, of: $1) }
    #expect(store.pagesInUse == 4)
    #expect(engine.sequence.statistics.pagesHeld == 4)
    #expect(engine.rows[0] == Array(kept.dropLast()))
    #expect(store.checkInvariants([engine.sequence]) == nil)
  }

  @Test("go back to the operating system slab by slab, all of them in the end")
  func slabs() throws {
    let store = try PagedKVStore(
      shape: .single, configuration: StoreConfiguration(pageRows: 4, format: .f32))
    let slab = 256 * store.pageBytes
    let policies = try PolicyAssignment(Painter(), shape: .single)
    var engines = (0..<4 as Range<UInt64>).map { seed in
      let engine = PlainEngine(
        .random(shape: .single, seed: seed), sequence: store.makeSequence(policies))
      engine.remembers = false
      return engine
    }
    for engine in engines { for _ in 0..<20 { try engine.read(50) } }
    #expect(store.pagesInUse == 1000 && store.mappedBytes == 4 * slab)
    for left in [3, 2, 1, 0] {
      engines.removeFirst()
      #expect(store.pagesInUse == left * 250)
      #expect(store.mappedBytes <= max(left, 0) * slab + (left > 0 ? slab : 0))
    }
    #expect(store.mappedBytes == 0)
  }

  @Test("go back to the operating system when the slabs empty first to last")
  func slabsInOrder() throws {
    let store = try PagedKVStore(
      shape: .single, configuration: StoreConfiguration(pageRows: 4, format: .f32))
    let policies = try PolicyAssignment(Painter(), shape: .single)
    var engines: [PlainEngine] = []
    for seed in 0..<2 as Range<UInt64> {
      let engine = PlainEngine(
        .random(shape: .single, seed: seed), sequence: store.makeSequence(policies))
      engine.remembers = false
      // Exactly one slab.
      for _ in 0..<16 { try engine.read(64) }
      engines.append(engine)
    }
    #expect(store.pagesInUse == 512)
    engines.removeFirst()
    // The page is kept for reuse, because the other slab is full.
    #expect(store.mappedBytes == 512 * store.pageBytes)
    engines.removeFirst()
    #expect(store.mappedBytes == 0)
  }

  @Test("are asked for beforehand: a full pool is an error that loses nothing")
  func fullPool() throws {
    let engine = try paintedEngine(.small, pageRows: 4, limitPages: 12)
    try engine.read(11)
    let before = engine.rows
    let statistics = engine.sequence.statistics
    #expect(
      throws: StoreError.poolFull(
        neededPages: 4, freePages: 0, limitBytes: engine.sequence.store.configuration.limitBytes)
    ) { try engine.read(2) }
    #expect(engine.rows == before)
    #expect(engine.sequence.statistics == statistics)
    #expect(engine.sequence.length.tokens == 11)
    try engine.step()
    #expect(throws: StoreError.self) { try engine.step() }
    var plan = CachePlan()
    for layer in 0..<2 {
      for head in 0..<2 { plan.keep(8..<12, of: LaneID(layer: layer, head: head)) }
    }
    try engine.sequence.apply(plan)
    try engine.step(3)
    #expect(engine.sequence.keptPositions(layer: 1, head: 1) == Array(8..<15))
    #expect(engine.sequence.store.checkInvariants([engine.sequence]) == nil)
  }

  @Test("that a fork must copy before it writes count as needed: too few, and nothing happens")
  func sharedTails() throws {
    let engine = try paintedEngine(.small, pageRows: 4, limitPages: 15)
    try engine.read(10)
    let fork = engine.fork()
    let before = fork.rows
    let limit = engine.sequence.store.configuration.limitBytes
    #expect(throws: StoreError.poolFull(neededPages: 4, freePages: 3, limitBytes: limit)) {
      try fork.step()
    }
    #expect(fork.rows == before && engine.rows == before)
    #expect(engine.sequence.store.checkInvariants([engine.sequence, fork.sequence]) == nil)
  }

  @Test("that were reserved stay free although an earlier layer drops rows of shared pages")
  func reservationHolds() throws {
    // Three layers of four pages, a fork, and exactly the three pages that copying the fork's tails
    // needs.
    let shape = CacheShape(layers: 3, keyHeads: 1, queryHeads: 1, headDimension: 2)
    let script = Scripted { cache, plan in
      let lane = cache.lane(layer: cache.layers[0], head: 0)
      if lane.length.tokens == 16 { plan.keep([0, 4, 8, 12, 15], of: lane.id) }
    }
    let store = try PagedKVStore(
      shape: shape,
      configuration: StoreConfiguration(pageRows: 4, format: .f32, limitBytes: 15 * 64))
    let policies = try PolicyAssignment(script, shape: shape)
    let engine = PlainEngine(
      .random(shape: shape, seed: 1), sequence: store.makeSequence(policies))
    try engine.read(15)
    let fork = engine.fork()
    #expect(store.freePages == 3)
    try fork.step()
    #expect(fork.keptNow == Array(repeating: [0, 4, 8, 12, 15], count: 3))
    #expect(engine.keptNow == Array(repeating: Array(0..<15), count: 3))
    #expect(store.checkInvariants([engine.sequence, fork.sequence]) == nil)
  }

  @Test("that a lane with holes gave back do not pile up in its page list")
  func pageList() throws {
    let engine = try paintedEngine(pageRows: 64)
    try engine.read(8)
    let fork = engine.fork()
    try fork.edit { $0.keep([5], of: $1) }
    var bytes: [Int] = []
    for round in 0..<120 {
      // The newest row keeps one page alive, while the pages before it become empty.
      try fork.read(65)
      try fork.edit { $0.keep([0, fork.sequence.rowCount(layer: 0, head: 0) - 1], of: $1) }
      if round % 40 == 39 { bytes.append(fork.sequence.statistics.residentBytes) }
    }
    #expect(Set(bytes).count == 1, "\(bytes)")
    #expect(engine.sequence.store.checkInvariants([engine.sequence, fork.sequence]) == nil)
  }

  @Test("must have a size and a limit that make sense")
  func settings() {
    for rows in [-1, 0, 1, 2, 3, 5, 128] {
      #expect(throws: StoreError.self) {
        try PagedKVStore(shape: .single, configuration: StoreConfiguration(pageRows: rows))
      }
    }
    #expect(throws: StoreError.self) {
      try PagedKVStore(shape: .small, configuration: StoreConfiguration(limitBytes: 0))
    }
  }
}

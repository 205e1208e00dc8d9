import KVPolicyKit
import KVPolicyTesting
import Testing

/// Sum of 1…n.
private func triangle(_ n: Int) -> Double { Double(n * (n + 1) / 2) }

/// The ledger of some lanes under full attention and some lanes that keep a few first and last
/// tokens, for a prompt in chunks. Recency is enforced only between chunks, as in the published
/// tables.
private func ledger(
  prompt: Int, steps: Int, chunk: Int, sinks: Int, local: Int, streamingLanes: Int, fullLanes: Int
) -> FootprintLedger {
  var ledger = FootprintLedger(lanes: streamingLanes + fullLanes)
  func kept(_ position: Int) -> Int { min(position, local) + min(max(position - local, 0), sinks) }
  for start in stride(from: 0, to: prompt, by: chunk) {
    let size = min(chunk, prompt - start)
    for _ in 0..<streamingLanes { ledger.bookChunk(tokens: size, past: kept(start)) }
    for _ in 0..<fullLanes { ledger.bookChunk(tokens: size, past: start) }
    ledger.advance(
      tokens: size, stored: streamingLanes * (size + kept(start)) + fullLanes * (start + size))
  }
  for position in prompt..<prompt + steps {
    for _ in 0..<streamingLanes { ledger.bookStep(rows: 1 + kept(position)) }
    for _ in 0..<fullLanes { ledger.bookStep(rows: 1 + position) }
    ledger.advance(
      tokens: 1, stored: streamingLanes * (1 + kept(position)) + fullLanes * (1 + position))
  }
  return ledger
}

/// One lane. Each chunk keeps a share of its rows and 64 more; nothing is dropped while decoding.
private func chunkLedger(prompt: Int, steps: Int, chunk: Int, sparsity: Double) -> FootprintLedger {
  var ledger = FootprintLedger(lanes: 1)
  var past = 0
  for start in stride(from: 0, to: prompt, by: chunk) {
    let size = min(chunk, prompt - start)
    ledger.bookChunk(tokens: size, past: past)
    ledger.advance(tokens: size, stored: past + size)
    let share = Int(((1 - sparsity) * Double(size)).rounded(.toNearestOrEven))
    past += min(share + 64, size)
  }
  for step in 1...steps {
    ledger.bookStep(rows: past + step)
    ledger.advance(tokens: 1, stored: past + step)
  }
  return ledger
}

/// One lane with a prompt in one piece, then the given number of rows at each step.
private func decodeLedger(
  prompt: Int, steps: Int, stored: Int? = nil, rows: (Int) -> Int
) -> FootprintLedger {
  var ledger = FootprintLedger(lanes: 1)
  ledger.bookChunk(tokens: prompt, past: 0)
  ledger.advance(tokens: prompt, stored: prompt)
  for step in 1...steps {
    ledger.bookStep(rows: rows(step))
    ledger.advance(tokens: 1, stored: step == 1 ? stored ?? rows(step) : rows(step))
  }
  return ledger
}

@Suite("The footprint ledger") struct FootprintLedgerTests {
  @Test("gives 1 for full attention, however it was read, and 0 for nothing")
  func full() {
    #expect(FootprintLedger(lanes: 3).footprint == 0)
    #expect(FootprintLedger(lanes: 3).peak == 0)
    for chunk in [1, 7, 256, 1000] {
      let ledger = ledger(
        prompt: 1000, steps: 100, chunk: chunk, sinks: 0, local: 0, streamingLanes: 0,
        fullLanes: 3)
      #expect(ledger.footprint == 1)
      #expect(ledger.peak == 1)
    }
  }

  @Test("gives 26 of 36 for eight tokens of which at most four are held")
  func toyFigure() {
    var ledger = FootprintLedger(lanes: 1)
    for token in 1...8 {
      ledger.bookStep(rows: min(token, 4))
      ledger.advance(tokens: 1, stored: min(token, 4))
    }
    #expect(ledger.footprint == 26.0 / 36)
    #expect(ledger.peak == 0.5)
  }

  // Published closed forms (PruLong `kv_footprint.py`), N = 1000, M = 100, chunks of 256, 4 sinks,
  // 64 local.
  @Test(
    "gives the published numbers for streaming heads in chunks",
    arguments: [(10, 0.302548096_77153, 0.29454545), (7, 0.511783667740071, 0.46363636)])
  func streaming(streamingLanes: Int, footprint: Double, peak: Double) {
    let ledger = ledger(
      prompt: 1000, steps: 100, chunk: 256, sinks: 4, local: 64, streamingLanes: streamingLanes,
      fullLanes: 10 - streamingLanes)
    #expect(abs(ledger.footprint - footprint) < 1e-12)
    #expect(abs(ledger.peak - peak) < 1e-8)
  }

  @Test("gives the published number for 128K tokens of which three heads in ten see all")
  func longStreaming() {
    let ledger = ledger(
      prompt: 130_048, steps: 1024, chunk: 32_768, sinks: 128, local: 1024, streamingLanes: 7,
      fullLanes: 3)
    #expect(abs(ledger.footprint - 0.481_540_86) < 1e-8)
    #expect(abs(ledger.peak - 0.473_339_84) < 1e-8)
  }

  @Test(
    "gives the published numbers for eviction after each chunk",
    arguments: [
      (1000, 100, 256, 0.5, 0.804977293369664, 0.778_181_82),
      (130_048, 1024, 32_768, 0.7, 0.473_818_38, 0.468_643_19),
      (130_048, 1024, 131_072, 0.7, 0.989_155_61, 0.992_187_50),
    ])
  func chunkEviction(
    prompt: Int, steps: Int, chunk: Int, sparsity: Double, footprint: Double, peak: Double
  ) {
    let ledger = chunkLedger(prompt: prompt, steps: steps, chunk: chunk, sparsity: sparsity)
    #expect(abs(ledger.footprint - footprint) < 1e-8)
    #expect(abs(ledger.peak - peak) < 1e-8)
  }

  // Closed forms for decode-time policies: tri(N) for the prompt, then the rows of each step.
  @Test("gives the closed forms of constant-size policies after a prompt of 1000")
  func constantSize() {
    let total = triangle(1100)
    let morph = decodeLedger(prompt: 1000, steps: 100, stored: 1001) { _ in 201 }
    #expect(morph.footprint == 520_600 / total)
    #expect((morph.footprint * 1e6).rounded() / 1e6 == 0.859714)
    #expect(morph.peak == 1001.0 / 1100)
    let pruned = decodeLedger(prompt: 1000, steps: 100) { _ in 201 }
    #expect(pruned.footprint == morph.footprint)
    #expect(pruned.peak == 1000.0 / 1100)
    let snap = decodeLedger(prompt: 1000, steps: 100) { 200 + $0 }
    #expect(snap.footprint == 525_550 / total)
    #expect((snap.footprint * 1e6).rounded() / 1e6 == 0.867889)
  }

  @Test("shows where a constant size pays: a short prompt and a long answer")
  func longAnswer() {
    let ledger = decodeLedger(prompt: 100, steps: 2000) { min(100 + $0, 201) }
    #expect((ledger.footprint * 1e6).rounded() / 1e6 == 0.182226)
  }
}

import ReferenceModel
import Training

/// Floating-point operations per second of the matrix products of training.
func measure(_ m: Int, _ n: Int, _ k: Int, _ kind: String, threads: Int) {
  let product = MatrixProduct(team: ThreadTeam(threads: threads))
  let (a, b, c) = (FloatBuffer(m * k), FloatBuffer(n * k), FloatBuffer(m * n))
  for i in 0..<m * k { unsafe a.base[i] = Float(i % 13) / 13 }
  for i in 0..<n * k { unsafe b.base[i] = Float(i % 11) / 11 }
  let left = unsafe Operand(a.base, stride: kind == "dW" ? m : k, transposed: kind == "dW")
  let right = unsafe Operand(b.base, stride: kind == "Y" ? k : n, transposed: kind == "Y")
  let repetitions = max(3, 2_000_000_000 / (m * n * k))
  var best = Double.infinity
  for _ in 0..<5 {
    let seconds = ContinuousClock().measure {
      for _ in 0..<repetitions {
        unsafe product.multiply(
          ProductShape(rows: m, columns: n, depth: k), left, right,
          into: Target(c.base, stride: n))
      }
    }
    let parts = seconds.components
    best = min(best, Double(parts.seconds) + Double(parts.attoseconds) / 1e18)
  }
  let rate = Double(2 * m * n * k * repetitions) / best / 1e9
  print("\(kind) m=\(m) n=\(n) k=\(k) threads=\(threads): \(Int(rate)) GFLOP/s")
}

for threads in [1, 2] {
  for kind in ["Y", "dX", "dW"] {
    measure(2048, 512, 192, kind, threads: threads)
    measure(512, 192, 2048, kind, threads: threads)
    measure(192, 192, 8192, kind, threads: threads)
  }
  measure(96, 1024, 32, "Y", threads: threads)
  measure(96, 32, 1024, "dX", threads: threads)
  measure(1024, 32, 96, "dW", threads: threads)
}

/// Tokens per second of whole training steps of a small model, on 8 texts of 1024 tokens.
func measureStep(threads: Int, rule: AttentionRule, _ name: String) throws {
  let model = try LlamaConfiguration(
    layers: 4, hidden: 192, intermediate: 512, queryHeads: 6, keyHeads: 2, headDimension: 32,
    vocabulary: 512, contextLength: 1024)
  let trainer = try Trainer(model, threads: threads)
  var parameters = ModelParameters(model, seed: 1)
  var gradients = Gradients(trainer.layout)
  var optimiser = AdamW(trainer.layout)
  let batch = try TrainingBatch(
    texts: (0..<8).map { text in (0..<1025).map { ($0 * 7 + text * 13 + $0 * $0) % 512 } })
  var best = Double.infinity
  for _ in 0..<5 {
    let seconds = try ContinuousClock().measure {
      gradients.clear()
      _ = try trainer.accumulate(&gradients, of: parameters, on: batch, rule: rule)
      let factor = gradients.clippingFactor(limit: 1)
      optimiser.step(&parameters, gradients, rate: 1e-3, factor: factor)
    }
    let parts = seconds.components
    best = min(best, Double(parts.seconds) + Double(parts.attoseconds) / 1e18)
  }
  print("step, \(name), threads=\(threads): \(Int(8192 / best)) tokens/s, \(Int(best * 1000)) ms")
}
for threads in [1, 2] {
  try measureStep(threads: threads, rule: .causal, "causal")
  let z = [Float](repeating: 0.5, count: 24)
  try measureStep(threads: threads, rule: .mixed(scalars: z, sinks: 4, window: 64), "mixed")
}

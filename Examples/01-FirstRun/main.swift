// Reads a story under two policies, lets the model go on, and shows what each cache still holds.
//
//     swift run -c release FirstRun [MODEL]
import Foundation
import KVPolicyKit
import Policies
import ReferenceModel

let story = """
  The lighthouse keeper's name was Imra, and she had lived on the rock for eleven years. Every \
  evening she climbed the hundred and twelve steps, wound the clockwork that turned the great lens, \
  and wrote one line in her book. Ships passed, and she wrote down their names. Storms came, and she \
  wrote down their hours. Only once did she write a question. One night in autumn, when the fog lay \
  so thick that the beam ended a few steps from the glass, somebody knocked at the door below. The \
  lighthouse keeper, whose name was
  """

guard let path = modelPath(CommandLine.arguments) else { exit(missingModelStatus) }
do {
  let files = try ModelFiles.open(path)
  let tokenizer = try files.tokenizer()
  let model = LlamaModel(files)
  for json in [
    #"{"policy": "streamingllm", "sinks": 4, "recent": 60}"#,
    #"{"policy": "h2o", "heavy": 32, "recent": 32}"#,
  ] {
    let configuration = try PolicyConfiguration(parsing: json)
    let store = try PagedKVStore(shape: model.shape)
    let policies = try configuration.makePolicies(
      .all, shape: model.shape, model: model.identity)
    let session = model.makeSession(store.makeSequence(policies))
    print("\n\(json)\n…", terminator: "")
    try session.prefill(tokenizer.encode(story))
    var text = tokenizer.makeStream(skipSpecial: true)
    for _ in 0..<32 {
      let token = Sampler.largest(session.logits)
      if tokenizer.eosTokens.contains(token) { break }
      print(try text.push(token), terminator: "")
      try session.decode(token)
    }
    let cache = session.sequence.statistics
    print("\n\n\(session.sequence.picture(layers: 0..<2))")
    print(
      "\(cache.longestLane) of \(cache.tokens) rows a lane, \(cache.residentBytes / 1024) KiB now, "
        + "\(cache.peakResidentBytes / 1024) KiB at most, "
        + "footprint \(cache.footprint.formatted(.percent.precision(.fractionLength(1))))")
  }
} catch {
  FileHandle.standardError.write(Data("FirstRun: \(error)\n".utf8))
  exit(1)
}

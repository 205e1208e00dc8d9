// Reads a text under full attention and two policies, lets the model continue the text, and shows
// which tokens each cache still holds.
//
//     swift run -c release FirstRun [MODEL]
import BundledModel
import Foundation
import KVPolicyKit
import Policies
import ReferenceModel

do {
  let path = CommandLine.arguments.dropFirst().first
  let files = try path.map { try ModelFiles.open($0) } ?? BundledModel.open()
  let tokenizer = try files.tokenizer()
  let model = LlamaModel(files)
  let prompt = try path == nil ? task() : story
  print(prompt)
  for json in [
    #"{"policy": "full"}"#,
    #"{"policy": "streamingllm", "sinks": 4, "recent": 60}"#,
    #"{"policy": "h2o", "heavy": 32, "recent": 32}"#,
  ] {
    let configuration = try PolicyConfiguration(parsing: json)
    let store = try PagedKVStore(shape: model.shape)
    let session = try model.makeSession(configuration, registry: .all, in: store)
    print("\n\(json)\n…", terminator: "")
    try session.prefill(tokenizer.encode(prompt))
    var text = tokenizer.makeStream(skipSpecial: true)
    for _ in 0..<40 {
      let token = Sampler.largest(session.logits)
      if tokenizer.eosTokens.contains(token) { break }
      print(try text.push(token), terminator: "")
      try session.decode(token)
    }
    let cache = session.sequence.statistics
    print("\n\n\(session.sequence.picture(width: 54, layers: 0..<2))")
    print(
      "\(cache.longestLane) of \(cache.tokens) rows a lane, \(cache.residentBytes / 1024) KiB now, "
        + "\(cache.peakResidentBytes / 1024) KiB at most, "
        + "footprint \(cache.footprint.formatted(.percent.precision(.fractionLength(1))))")
  }
} catch {
  FileHandle.standardError.write(Data("FirstRun: \(error)\n".utf8))
  exit(1)
}

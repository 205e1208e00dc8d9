package import KVPolicyKit

extension ModelFiles {
  /// Which model this is, however its matrices are stored: what `LlamaModel.identity` says.
  package var identity: ModelIdentity { weights.identity(of: configuration) }
}

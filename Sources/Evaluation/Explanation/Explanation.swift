public import KVPolicyKit

/// What one or two policies forget of a text, token by token, and how much of full attention's
/// weights is lost with it.
///
/// Steps are counted from 1: step s reads token `promptLength + s − 1`. Step 0 is the end of the
/// prompt.
public struct Explanation: Equatable, Sendable {
  /// The model's name.
  public var model: String
  /// The text's name.
  public var text: String
  /// Layers of the model.
  public var layers: Int
  /// Key heads of a layer.
  public var keyHeads: Int
  /// Query heads of a layer.
  public var queryHeads: Int
  /// Tokens of the prompt.
  public var promptLength: Int
  /// The text of each token: the prompt, and then what full attention wrote. Control characters are
  /// escaped but for line ends and tabs; a token that ends inside a character is empty, and the
  /// token that completes the character shows it.
  public var tokens: [String]
  /// What each policy did with the text.
  public var runs: [Run]

  /// The number of decode steps.
  public var steps: Int { tokens.count - promptLength }
  /// Lanes of the cache: key heads of all layers, by layer.
  public var lanes: Int { layers * keyHeads }

  /// What one policy did with the text.
  public struct Run: Equatable, Sendable {
    /// The policy's name, with its budget if it was given one.
    public var label: String
    /// The policy's configuration.
    public var configuration: PolicyConfiguration
    /// Whether the policy also forgets before the prompt ends.
    public var forgetsInPrompt: Bool
    /// What each lane has forgotten after each step.
    public var forgotten: [TokenChanges]
    /// For a policy that reads a part of what it holds: what each step did not attend to, by layer
    /// and query head, forgotten tokens included. Empty for a policy that reads all it holds.
    public var unread: [TokenChanges]
    /// By lane and step, the mass lost: the sum of the weights that full attention gives, at the
    /// same step of the same text, to tokens that the step's attention could not see, because they
    /// had been forgotten or were not read. The mean over the lane's query heads.
    public var lost: [[Double]]
    /// For each token, the part of the lost mass that was the token's: the sum over steps, and the
    /// mean over query heads.
    public var missed: [Double]
    /// For each step, the token that the policy would have written instead of the token that full
    /// attention wrote; nil where both agree.
    public var wouldWrite: [String?]
    /// The policy's own numbers of the tokens, if it keeps any; nil too where a text has very many
    /// tokens in all lanes together.
    public var notes: Notes?
    /// The rows that each lane held at the end, drawn as `KVSequence.picture(width:layers:)` does.
    /// For a policy that reads a part of what it holds, `#`, `+` and `-` are rows that some query
    /// head of the lane read in the last step, and `o` is a place of which rows are held and none
    /// was read.
    public var picture: String

    /// By step, the mass lost on average over all lanes.
    public var meanLost: [Double] {
      guard let first = lost.first else { return [] }
      return first.indices.map { step in
        lost.reduce(0) { $0 + $1[step] } / Double(lost.count)
      }
    }
  }

  /// What a policy notes of each row, such as the attention that the row received so far.
  public struct Notes: Equatable, Sendable {
    /// The name of the policy's column.
    public var name: String
    /// By lane and token, the number when the token was forgotten, or at the end; nil for a token
    /// of which the policy noted nothing.
    public var numbers: [[Float?]]
  }
}

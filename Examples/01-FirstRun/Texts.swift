import MiniTasks

/// The text for a model of English. It ends where a name must follow that only its first line
/// gives.
let story = """
  The lighthouse keeper's name was Imra, and she had lived on the rock for eleven years. Every \
  evening she climbed the hundred and twelve steps, wound the clockwork that turned the great lens, \
  and wrote one line in her book. Ships passed, and she wrote down their names. Storms came, and she \
  wrote down their hours. Only once did she write a question. One night in autumn, when the fog lay \
  so thick that the beam ended a few steps from the glass, somebody knocked at the door below. The \
  lighthouse keeper, whose name was
  """

/// The text for the bundled model: questions in the language of the tasks, its only language.
func task() throws -> String {
  let document = try TaskMixture(lengths: 192...192, kinds: [.questions]).document(.heldOut(0))
  return try TaskVocabulary.text(of: Array(document.prompt))
}

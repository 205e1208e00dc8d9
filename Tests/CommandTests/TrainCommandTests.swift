import Foundation
import ReferenceModel
import Testing

@Suite("kvpolicy train")
struct TrainCommandTests {
  private static let recipe = tinyRecipe(
    checkSteps: 4, checkDocuments: 2, steps: 10, batchTokens: 60, warmUp: 2)

  private func workshop() throws -> Workshop {
    let workshop = try Workshop()
    try workshop.write("recipe.json", Self.recipe)
    return workshop
  }

  private func train(_ workshop: Workshop, _ folder: String, _ more: String...) -> Outcome {
    workshop.run(["train", "@/recipe.json", "--out", "@/\(folder)", "--threads", "1"] + more)
  }

  @Test("writes its state, log, curve and models, and a line per check")
  func files() throws {
    let workshop = try workshop()
    let outcome = train(workshop, "run")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 6, "a note, a header, three checks, and the speed of products")
    #expect(
      lines.first == "log.csv in the run's folder also has completion, copy, variables and again")
    #expect(lines.allSatisfy { $0.count <= 80 })
    #expect(lines.last?.hasPrefix("matrix products: ") == true)
    let names = try FileManager.default.contentsOfDirectory(atPath: workshop.folder + "/run")
    #expect(
      Set(names) == [
        "state.safetensors", "log.csv", "loss.svg", "model.gguf", "model-q8_0.gguf", "model",
      ])
    #expect(try workshop.read("run/log.csv").split(separator: "\n").count == 4)
    #expect(try workshop.read("run/loss.svg").hasPrefix("<svg"))
    for model in ["model", "model.gguf", "model-q8_0.gguf"] {
      let files = try ModelFiles.open(workshop.folder + "/run/" + model)
      #expect(files.configuration.vocabulary == 768)
      #expect(try files.tokenizer().encode("at 7 lamp \n", parseSpecial: false).count == 4)
    }
  }

  @Test("a run that was stopped goes on to the same bytes")
  func resume() throws {
    let workshop = try workshop()
    #expect(train(workshop, "whole").status == 0)
    #expect(train(workshop, "parts", "--stop-after", "6").status == 0)
    #expect(train(workshop, "parts", "--resume", "--stop-after", "9").status == 0)
    #expect(train(workshop, "parts", "--resume").status == 0)
    for name in ["state.safetensors", "model.gguf", "model/model.safetensors"] {
      #expect(try workshop.data("parts/" + name) == workshop.data("whole/" + name))
    }
    let again = train(workshop, "parts", "--resume")
    #expect(again.status == 0)
    #expect(again.output == "10 steps are done already; there is nothing to do\n")
  }

  @Test("a run is neither begun over another nor gone on with by another recipe")
  func folders() throws {
    let workshop = try workshop()
    #expect(train(workshop, "run", "--resume").errors.contains("holds no run to go on with"))
    #expect(train(workshop, "run", "--stop-after", "2").status == 0)
    let second = train(workshop, "run")
    #expect(second.status == 1 && second.errors.contains("holds a run already"))
    try workshop.write(
      "recipe.json", Self.recipe.replacingOccurrences(of: #""seed": 3"#, with: #""seed": 4"#))
    let other = train(workshop, "run", "--resume")
    #expect(other.status == 1 && other.errors.contains("it was begun with another recipe"))
    try workshop.write("recipe.json", Self.recipe)
    let (log, state) = (
      try workshop.read("run/log.csv"), try workshop.data("run/state.safetensors")
    )
    try workshop.write("run/log.csv", "nothing")
    let lost = train(workshop, "run", "--resume")
    #expect(lost.status == 1 && lost.errors.contains("its first line is not that of a training's"))
    try workshop.write("run/log.csv", log)
    try workshop.write("run/state.safetensors", "nothing")
    let broken = train(workshop, "run", "--resume")
    #expect(broken.status == 1 && broken.errors.contains("cannot read"))
    try state.write(to: URL(fileURLWithPath: workshop.folder + "/run/state.safetensors"))
    #expect(train(workshop, "run", "--resume").status == 0)
  }

  @Test("files of other origin in the folder are left alone", arguments: ["model.gguf", "model"])
  func inTheWay(name: String) throws {
    let workshop = try workshop()
    try FileManager.default.createDirectory(
      atPath: workshop.folder + "/mine", withIntermediateDirectories: false)
    try workshop.write("mine/" + name, "precious")
    let outcome = train(workshop, "mine")
    #expect(outcome.status == 1 && outcome.errors.contains("mine/\(name) is in the way"))
    #expect(try workshop.read("mine/" + name) == "precious")
  }

  @Test("a last save that was cut short is made up for")
  func cutShort() throws {
    let workshop = try workshop()
    #expect(train(workshop, "run", "--stop-after", "8").status == 0)
    let state = try workshop.data("run/state.safetensors")
    #expect(train(workshop, "run", "--resume").status == 0)
    let model = try workshop.data("run/model/model.safetensors")
    // Simulates a crash before the state was written, with some of the earlier files missing.
    try state.write(to: URL(fileURLWithPath: workshop.folder + "/run/state.safetensors"))
    try FileManager.default.removeItem(atPath: workshop.folder + "/run/model-q8_0.gguf")
    #expect(train(workshop, "run", "--resume").status == 0)
    #expect(try workshop.data("run/model/model.safetensors") == model)
    #expect(FileManager.default.fileExists(atPath: workshop.folder + "/run/model-q8_0.gguf"))
  }

  @Test("a folder that cannot be made is an error")
  func unwritable() throws {
    let workshop = try workshop()
    let outcome = train(workshop, "tokens.json/run")
    #expect(outcome.status == 1 && outcome.errors.contains("cannot make"))
  }
}

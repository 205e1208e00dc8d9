import Foundation
import KVPolicyCommand
import Policies

exit(KVPolicyTool(registry: .all).run(CommandLine.arguments))

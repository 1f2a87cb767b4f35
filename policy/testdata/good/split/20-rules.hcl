plugin "rules" { source = "builtin:rules" }

ruleset "a" {
  filter "same" {
    plugin = plugin.rules
    config {
      block "x" { sender = ["a@b.test"] }
    }
  }
}

ruleset "b" {
  filter "same" {
    plugin = plugin.rules
    config {
      block "x" { sender = [local.spammer] }
    }
  }
  filter "other" {
    plugin = plugin.rules
    config {
      block "y" { sender = ["a@b.test"] }
    }
  }
}

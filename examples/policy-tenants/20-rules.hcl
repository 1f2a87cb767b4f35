# Plans a customer can have: a baseline for all, and what comes on top.

plugin "rules" {
  source = "builtin:rules"
  grant { lists = true } # its rules ask named lists
}

plugin "stall" {
  source   = "builtin:stall"
  on_error = "stall"
}

list "spammers" {
  entries = ["spam.test", ".bulk.test"]
}

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      block "spammers" {
        list  = [list.spammers]
        class = "spam/list"
      }
    }
  }
  action "newsletters" {
    when = header("List-Unsubscribe") != ""
    do   = tag("newsletter")
  }
}

ruleset "silver" {}

ruleset "gold" {
  filter "attachments" {
    plugin = plugin.stall
    when   = message.has_attachments
    config { causes = ["encrypted-archive"] }
  }
}

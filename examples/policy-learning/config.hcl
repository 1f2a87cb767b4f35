# A gateway that learns from its operators, marks mail from outside, and tells
# another system of what it quarantines.

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

variable "hook" {
  default = "http://127.0.0.1:9999" # who is to be told
}

plugin "bayes" {
  source = "builtin:bayes"
  grant { kv = true }
}

plugin "banner" { source = "builtin:banner" }

plugin "webhook" {
  source = "builtin:webhook"
  grant { http = ["${var.hook}/"] }
  config {
    url     = "${var.hook}/weir"
    include = ["id", "tenant", "sender", "recipients", "findings"]
  }
}

ruleset "learning" {
  filter "bayes" {
    plugin = plugin.bayes
    config {
      min_spam = 3 # for the demonstration; 30 is the default
      min_ham  = 3
      score    = 8
    }
  }
  filter "outside" {
    plugin = plugin.banner
    config {
      subject_tag = "[EXTERNAL]"
      text        = "This message came from outside. Be careful with links."
      position    = "top"
    }
  }
  # Nobody writes to the trap but spammers; users send on what was held wrongly.
  action "trap" {
    when = recipient.address == "trap@demo.test"
    do   = quarantine("spam trap")
    run  = [call(plugin.bayes, "train_spam", {})]
  }
  action "wanted" {
    when = recipient.address == "wanted@demo.test"
    do   = quarantine("to learn from")
    run  = [call(plugin.bayes, "train_ham", {})]
  }
  action "spam" {
    when = finding.main == "spam" && score >= 4
    do   = quarantine("spam score ${score}")
    run  = [call(plugin.webhook, "post", { event = "quarantined", text = finding.explanation })]
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.learning]
  route { hosts = ["127.0.0.1:2526"] } # weir sink
  recipients { verify = "callout" }
}

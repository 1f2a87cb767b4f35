# The policy of scripts that bring none of their own.

# Where mail for demo.test goes, and where mail for the world goes: "sink
# start" and "sink start world" say so.
variable "sink" {}
variable "world" { default = "127.0.0.1:9" }

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}

listener "submission" {
  address   = "127.0.0.1:0"
  direction = "outbound"
  allow     = ["127.0.0.0/8"]
}

admin { address = "127.0.0.1:0" }

plugin "rules" {
  source = "builtin:rules"
  grant { lists = true }
}

plugin "stall" {
  source   = "builtin:stall"
  on_error = "stall"
}

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      block "spammers" {
        sender_domain = ["spam.test"]
        class         = "list/sender"
      }
      block "offers" {
        subject = ["*offer*"]
        class   = "spam/subject"
        action  = "quarantine"
        reason  = "an offer"
      }
    }
  }
  filter "unscannable" {
    plugin = plugin.stall
    when   = message.has_attachments
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.baseline]
  route { hosts = [var.sink] }
  recipients { local = ["local@demo.test"] }
  outbound {
    route { hosts = [var.world] }
  }
}

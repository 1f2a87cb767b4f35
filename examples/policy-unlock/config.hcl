# Encrypted archives stall. Whoever has the password opens them:
#   weir action unlock open ID
# and the message is delivered if nothing forbidden is in it.

gateway {
  hostname = "mx.demo.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

plugin "stall" {
  source   = "builtin:stall"
  on_error = "stall"
}

plugin "unlock" {
  source = "builtin:unlock"
  offer  = "all" # no filter calls it
  grant {
    queue = true # to release
    kv    = true # to count the tries
  }
  config {
    tries           = 5
    more_extensions = ["one"]
  }
}

ruleset "incoming" {
  filter "unscannable" {
    plugin = plugin.stall
    when   = message.has_attachments
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.incoming]
  route { hosts = ["127.0.0.1:2526"] }
  notify { stalled = [] } # for the demonstration
}

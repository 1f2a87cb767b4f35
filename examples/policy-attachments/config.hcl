# Attachments: what is refused, what waits for somebody to look, and what is
# taken away while the rest is delivered.

gateway {
  hostname = "mx.demo.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

plugin "attachments" {
  source   = "builtin:attachments"
  on_error = "tempfail"
}

ruleset "incoming" {
  filter "attachments" {
    plugin = plugin.attachments
    when   = message.has_attachments
    config {
      executables      = "strip" # the default is to reject the message
      double_extension = "reject"
      disguised        = "quarantine"
      more_extensions  = ["one"]

      # The first rule that applies to a file decides about it.
      rule "our tool" {
        name   = ["timesheet-*.exe"]
        action = "pass"
      }
      rule "films" {
        type     = ["video/*"]
        min_size = "5MiB"
        action   = "quarantine"
        reason   = "films of this size are for the file server"
      }
      rule "disk images" {
        type   = ["iso", "udf", "vhd", "vhdx", "dmg"]
        reason = "disk images are not accepted here"
      }
      limits { depth = 5 }
    }
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.incoming]
  route { hosts = ["127.0.0.1:2526"] }
}

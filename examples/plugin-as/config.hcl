# Newsletters and bills are labelled, so that mail programs can sort them.

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

plugin "labels" {
  source   = "labels.wasm"
  on_error = "pass" # it is no loss when this one is out of order
}

ruleset "manners" {
  filter "labels" {
    plugin = plugin.labels
    config {
      label "newsletter" { header = "List-Id" }
      label "bill" {
        header  = "Subject"
        matches = "\\b(bill|invoice)s?\\b"
      }
    }
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.manners]
  route { hosts = ["127.0.0.1:2526"] }
}

# What nobody can look into: held when it comes in, with exceptions for those
# who always send it; going out, only what carries programs is held.

gateway {
  hostname = "mx.stall.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

listener "submission" {
  address   = "127.0.0.1:2587"
  direction = "outbound"
  allow     = ["127.0.0.0/8", "::1"]
}

admin { address = "127.0.0.1:8080" }

plugin "stall" {
  source   = "builtin:stall"
  on_error = "stall"
  grant { lists = ["accountants"] }
}

list "accountants" {
  entries = ["books.test", "payroll@supplier.test"]
}

ruleset "inspected" {
  filter "unscannable" {
    plugin = plugin.stall
    config {
      outbound { causes = ["macro", "limit"] }
      allow "accountants" {
        lists  = ["accountants"]
        causes = ["encrypted-archive", "encrypted-document"]
      }
      allow "bank" {
        parties = [".bank.test"]
      }
      limits {
        depth = 4
        bytes = "32MiB"
      }
    }
  }

  # Bombs are nobody's business mail.
  action "bombs" {
    when = finding.main == "unscannable" && finding.sub == "limit"
    do   = reject(550, "5.7.1", "This attachment is too large to inspect")
  }
}

tenant "stall" {
  domains = ["stall.test"]
  route { hosts = ["127.0.0.1:2526"] }
  inbound { rulesets = [ruleset.inspected] }
  outbound { rulesets = [ruleset.inspected] }
  notify { stalled = ["postmaster@stall.test"] }
}

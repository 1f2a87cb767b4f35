# What the plugin counts stays from message to message, and by tenant.
scenario "shouting is counted" {
  kv = { shouted = 1 }
  mail "again" {
    message = <<-EOT
      Subject: READ THIS AT ONCE

      Please.
    EOT
    expect "message" { findings = ["spam/shouting"] }
    effects { kv = { shouted = "2" } }
  }
  mail "in another tenant" {
    tenant  = "other"
    message = <<-EOT
      Subject: READ THIS AT ONCE

      Please.
    EOT
    expect "message" { findings = ["spam/shouting"] }
    effects { kv = { shouted = "1" } }
  }
}

# Everybody hears twice a day what of their mail is held, and decides on it by a
# link; the owner gets a table of it once a week.

gateway {
  hostname = "mx.digest.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

admin {
  address = "127.0.0.1:8080"
  url     = "http://127.0.0.1:8080" # with a proxy for TLS: "https://mail.digest.test"
}

ruleset "cautious" {
  # What strangers call urgent waits for a second look.
  action "urgent" {
    when = can(regex("(?i)urgent", message.subject))
    do   = quarantine("it calls itself urgent")
  }
}

tenant "digest" {
  domains  = ["digest.test"]
  rulesets = [ruleset.cautious]
  route { hosts = ["127.0.0.1:2526"] }

  digest {
    at     = ["Mon-Fri 07:00", "Mon-Fri 15:00"]
    zone   = "Europe/Vienna"
    except = ["all@digest.test"] # a list: its readers could release each other's mail
    search = "not main:malware"
  }

  report "weekly" {
    at      = ["Mon 07:00"]
    zone    = "Europe/Vienna"
    to      = ["owner@digest.test"]
    search  = "status:quarantined,quarantine-expired after:-7d"
    columns = ["received", "sender", "recipient", "subject", "status", "reason"]
  }
}

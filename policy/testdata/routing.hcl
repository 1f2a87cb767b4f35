# Routes, the static routing table, destinations and demands on the channel.
gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

variable "relay_password" { default = "hunter2 & more" }

retry "fast" {
  phase {
    until = "1h"
    every = "5m"
  }
}

route "relay" {
  tls     = "verified"
  helo    = "out.weir.test"
  source  = "192.0.2.9"
  source6 = "2001:db8::9"
  ip      = "prefer6"
  retry   = retry.fast
  host "A.relay.test:587" { weight = 3 }
  host "b.relay.test" {}
  host "[2001:db8::1]:587" {
    priority = 20
    weight   = 0
  }
  auth {
    user     = "acme"
    password = var.relay_password
  }
}

route "hr" {
  hosts    = ["unix:/run/dovecot/lmtp", "127.0.0.1"]
  protocol = "lmtp"
}

route "own-address" {
  mx             = "*"
  source         = "192.0.2.10"
  ip             = "4"
  connections    = 3
  per_connection = 5
}

route "secret" {
  hosts = ["10.9.9.9:25"]
  tls   = "required"
}

route "spare" { mx = "spare.test" }

via "partners" {
  recipient = ["*.partner.test", "partner.test"]
  route     = route.relay
}

via "boss" {
  sender    = ["boss@acme.test"]
  recipient = ["far.test"]
  route     = route.own-address
}

via "gone" {
  recipient = ["gone.test"]
  reject    = "gone.test was closed in 2025"
}

via "unrouted-lab" {
  recipient = ["lab@nowhere.test"]
  route     = route.hr
}

via "notices" {
  sender = ["<>"]
  route  = route.own-address
}

via "other-customer" {
  sender = ["*@other.test", "*@sub.*"]
  route  = route.secret
}

destination "google" {
  domains     = ["gmail.com"]
  mx          = ["*.GOOGLE.com"]
  connections = 3
  rate        = "600/1m"
  retry       = retry.fast
}

destination "relays" {
  mx     = ["b.relay.test"]
  routes = [route.relay]
  idle   = "0s"
}

destination "tests" {
  domains       = ["*.test"]
  connections   = 7
  backoff       = "3h"
  suspend_after = 0
}

destination "yahoo" {
  domains        = ["yahoo.com"]
  rate           = "none"
  max_backoff    = "6h"
  suspend_for    = "1d"
  per_connection = 19
}

tenant "acme" {
  domains  = ["acme.test", "bücher.example"]
  routes   = [route.spare]
  rulesets = [ruleset.tags]
  route { hosts = ["127.0.0.1:2526"] }
  recipients { refresh = "1h" }
  inbound {
    via "hr" {
      recipient = ["hr@acme.test", "jobs-*@acme.test"]
      route     = route.hr
    }
    via "blocked" {
      sender    = ["*@spam.test"]
      recipient = ["closed@acme.test"]
      reject    = "no"
    }
    secure "board" {
      when = recipient.address == "ceo@acme.test"
      tls  = "required"
    }
  }
  outbound {
    route { hosts = ["smart.test"] }
    via "direct" {
      recipient = ["direct.test"]
      mx        = true
    }
    via "by-address" {
      recipient = ["one@many.test"]
      route     = route.own-address
    }
    secure "dane" {
      when = recipient.domain == "bank.test"
      tls  = "dane"
    }
    secure "class" {
      when      = finding.main == "confidential" && finding.sub != "public"
      otherwise = "bounce"
    }
    secure "subject" {
      when      = matches("(?i)^\\[secure\\]", message.subject)
      tls       = "required"
      otherwise = "hold"
    }
    secure "tagged" {
      when      = contains(tags, "board")
      otherwise = "bounce"
    }
    secure "broken" {
      when = finding.extra == "boom" && length(substr(message.subject, 0, 1 / length(helo))) > 0
    }
  }
  notify {
    stalled  = ["admin@acme.test"]
    expired  = []
    language = "de"
    from     = "Post@ACME.test"
    template "failed" { text = "Your mail {{if .Recipients}}failed{{end}}" }
    template "expired" { file = "expired.txt" }
  }
  retain { failed = "1d" }
}

tenant "other" {
  domains = ["other.test"]
}

tenant "nowhere" {
  domains = ["nowhere.test"]
  notify {
    stalled = ["boss@nowhere.test"]
  }
}

ruleset "tags" {
  action "board" {
    when = sender.address == "chair@acme.test"
    do   = tag("board")
  }
  action "after" {
    when = contains(tags, "board") && finding.main == "spam"
    do   = quarantine("tagged ${join(" ", tags)}")
  }
}

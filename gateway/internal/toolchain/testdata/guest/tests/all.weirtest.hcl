# Everything that a scenario can say, and all of it comes true.
clock = "2026-05-01T08:00:00Z"

list "block" {
  entries = { "eve@sender.test" = "she was told" }
}
dns "sender.test" "mx" { records = ["10 mx.sender.test."] }
http "POST" "https://hooks.test/x" {
  status = 201
  body   = "made"
}
connection "127.0.0.1:3310" {
  turn {
    wants = "^PING"
    reply = "PONG"
  }
}
record "m17" {
  message = "Subject: held\n\nbody"
  status  = "stalled"
}
session { client_ip = "198.51.100.7" }

scenario "findings" {
  mail "one" {
    message = <<-EOT
      X-Do: find stall note
      MIME-Version: 1.0
      Content-Type: multipart/mixed; boundary=b

      --b
      Content-Type: application/zip; name=a.zip

      x
      --b--
    EOT
    expect "message" {
      tags = ["198.51.100.7 "]
      finding "spam/test" {
        score       = 2.5
        part        = "1"
        file        = "a.zip"
        path        = "a.zip/b.txt"
        explanation = "/told$/"
      }
      finding "unscannable/test" { action = "stall" }
    }
  }
  mail "the same by classes" {
    message = <<-EOT
      X-Do: find stall

      hello
    EOT
    expect "message" { findings = ["unscannable/test", "spam/test"] }
  }
}

scenario "edits and holds" {
  mail {
    message = <<-EOT
      X-Do: edit

      hello
    EOT
    expect "message" {
      action     = "redirect"
      redirect   = ["else@where.test"]
      edits      = ["add X-Spam: yes", "remove Subject"]
      part_edits = ["prepend 1: BANNER"]
      waivers    = ["spam list/sender"]
    }
  }
  mail "held" {
    message = <<-EOT
      X-Do: hold

      hello
    EOT
    expect "message" {
      hold_until  = "2026-05-01T09:00:00Z"
      hold_reason = "wait"
      hold_key    = "k"
    }
  }
}

scenario "recipients" {
  mail "one of two" {
    recipients = ["nobody@here.test", "bob@here.test"]
    message    = <<-EOT
      X-Do: find

      hello
    EOT
    expect "rcpt_to" {
      recipient = "nobody@here.test"
      action    = "reject"
      code      = 550
      enhanced  = "5.1.1"
      text      = "no such recipient"
    }
    expect "message" { findings = ["spam/test"] }
  }
  mail "none is left" {
    recipients = ["nobody@here.test"]
    message    = <<-EOT
      X-Do: crash

      hello
    EOT
    expect "rcpt_to" { action = "reject" }
  }
  mail "only this stage" {
    stages     = ["message"]
    recipients = ["nobody@here.test"]
    message    = <<-EOT
      X-Do: note

      hello
    EOT
    expect "message" { tags = [""] }
  }
}

scenario "failures" {
  mail "in order" {
    message = <<-EOT
      X-Do: fail

      hello
    EOT
    expect "message" { fails = "/^result: .*told to fail/" }
  }
  mail "a crash" {
    message = <<-EOT
      X-Do: crash

      hello
    EOT
    expect "message" { fails = "/^trap: /" }
  }
  mail "and the next one is fine" {}
}

scenario "lists, DNS, HTTP, connections" {
  mail {
    sender  = "eve@sender.test"
    message = <<-EOT
      X-Do: list dns http dial raw

      hello
    EOT
    expect "message" {
      finding "list/block" { explanation = "she was told" }
      tags = ["10 mx.sender.test.", "not_found", "201 made", "PONG", "39"]
    }
    effects { requests = ["POST https://hooks.test/x b"] }
  }
}

scenario "what is kept, and for how long" {
  kv = { seen = 4 }
  mail {
    message = <<-EOT
      X-Do: kv

      hello
    EOT
    expect "message" { tags = ["seen 5"] }
    effects { kv = { seen = "5", other = null } }
  }
  mail "a counter lives on" {
    advance = "30m"
    message = <<-EOT
      X-Do: kv

      hello
    EOT
    expect "message" { tags = ["seen 6"] }
  }
  mail "in another tenant" {
    tenant  = "other"
    message = <<-EOT
      X-Do: kv

      hello
    EOT
    expect "message" { tags = ["seen 1"] }
  }
  mail "which ends after an hour" {
    tenant  = "other"
    advance = "61m"
    message = <<-EOT
      X-Do: kv

      hello
    EOT
    expect "message" { tags = ["seen 1"] }
  }
}

scenario "later" {
  mail {
    message = <<-EOT
      X-Do: schedule

      hello
    EOT
    effects { scheduled = ["ring k1 in 30m0s"] }
  }
  schedule "ring" {
    advance = "30m"
    expect { tags = ["ring again 1 8:30AM"] }
  }
  schedule "ring" {
    payload = "by hand"
    expect { tags = ["ring by hand 2 8:30AM"] }
    effects { kv = { rung = "2" } }
  }
}

scenario "after the 250" {
  queued {
    effects {
      log      = ["^info: queued ann@sender.test$"]
      counters = { queued = "1" }
    }
  }
  delivery {
    result     = "deferred"
    reply_code = 451
    effects { log = ["deferred at mx.elsewhere.test for bob@here.test"] }
  }
  hold "expired" {
    record = "m17"
    expect { tags = ["expired m17 stalled"] }
  }
  action "let_go" {
    record = "m17"
    params { why = "it is fine" }
    expect { results = { changed = "1" } }
    effects {
      orders    = ["release m17"]
      submitted = ["ann@here.test: let go"]
    }
  }
}

scenario "without a grant" {
  grant {
    queue = false
    lists = ["others"]
  }
  mail {
    message = <<-EOT
      X-Do: list

      hello
    EOT
    expect "message" { fails = "/denied/" }
  }
  mail {
    message = <<-EOT
      X-Do: schedule

      hello
    EOT
    expect "message" { fails = "/queue/" }
  }
}

scenario "golden" {
  mail "all of it" {
    message = <<-EOT
      X-Do: find stall note edit

      hello
    EOT
    golden  = "golden.json"
  }
}

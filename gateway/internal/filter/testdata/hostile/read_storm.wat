;; Reads the message, its headers and its parts into all of its memory for ever.
;; expect: deadline
(module
  (import "weir1" "parts_read" (func $parts (param i32 i32) (result i32)))
  (import "weir1" "headers_read" (func $headers (param i32 i32) (result i32)))
  (import "weir1" "body_read" (func $body (param i32 i64 i32 i32) (result i32)))
  (memory (export "memory") 1024)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l
      (drop (call $parts (i32.const 0) (i32.const 67108864)))
      (drop (call $headers (i32.const 0) (i32.const 67108864)))
      (drop (call $body (i32.const -1) (i64.const 0) (i32.const 0) (i32.const 67108864)))
      (drop (call $body (i32.const 1) (i64.const -1) (i32.const 0) (i32.const 67108864)))
      (br $l))
    (i32.const 0))
)

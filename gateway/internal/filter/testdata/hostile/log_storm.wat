;; Logs for ever: 64 lines are kept.
;; expect: deadline
(module
  (import "weir1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (data (i32.const 0) "line\0d\0aFrom: forged\1b[31m")
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l (call $log (i32.const 3) (i32.const 0) (i32.const 65536)) (br $l))
    (i32.const 0))
)

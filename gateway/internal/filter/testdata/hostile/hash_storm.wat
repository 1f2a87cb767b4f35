;; Hashes every part for ever.
;; expect: deadline
(module
  (import "weir1" "part_hash" (func $hash (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l
      (drop (call $hash (i32.const -1) (i32.const 1) (i32.const 0) (i32.const 64)))
      (drop (call $hash (i32.and (local.get $n) (i32.const 1)) (i32.rem_u (local.get $n) (i32.const 5)) (i32.const 0) (i32.const 64)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $l))
    (i32.const 0))
)

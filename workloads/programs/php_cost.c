/* workloads/programs/php_cost.c - what each kind of operation costs on the simulated node, in nanoseconds of CPU.
 *
 * Kinds follow the opcodes of the Zend Engine 2.6 (PHP 5.6, zend_vm_def.h): reading a variable or a literal is part of
 * the opcode that uses it and costs nothing by itself. Two sources. The proportions are those that PHP's own
 * Zend/bench.php and the published PHP 5 micro-benchmarks agree on: a jump is the cheapest opcode, arithmetic on two
 * numbers costs two to three jumps, calling an internal function some ten, a user function twice that, a hash access a
 * little more than arithmetic. The scale is set by the one figure that the lab gives: its loop of 1,000,001 turns of {
 * $i <= 1000000; $x += sqrt($x); $i++ } takes about 80 ms of one core of this node, which makes 80 ns a turn:
 *     compare 8, two jumps 2 * 4, send 6, call 28, sqrt itself 7, += 14, ++ 7, free 2.
 * Functions add their own cost from the table in which they are listed (php_lib_*.c); bytes are priced per 16.
 */
#include "workloads/programs/php_priv.h"

const uint32_t php_cost_ns[COST_COUNT] = {
    [COST_REQUEST]        = 180 * 1000,            /* php_request_startup and _shutdown under mod_php */
    [COST_COMPILE_NODE]   = 150,                   /* lexing, parsing and emitting; there is no opcode cache by default */
    [COST_ASSIGN]         = 9,
    [COST_ASSIGN_OP]      = 14,
    [COST_ARITH]          = 10,
    [COST_DIVIDE]         = 14,                    /* / and % */
    [COST_COMPARE]        = 8,
    [COST_LOGIC]          = 5,
    [COST_JUMP]           = 4,                     /* JMP, JMPZ, JMPNZ, JMPZNZ */
    [COST_INC]            = 7,
    [COST_FREE]           = 2,                     /* a result that nobody uses */
    [COST_CAST]           = 9,
    [COST_CONST]          = 9,
    [COST_CONCAT]         = 32,                    /* one allocation */
    [COST_STRING_BYTE_16] = 2,                     /* copying, searching */
    [COST_ECHO]           = 45,                    /* through the output layer to Apache's brigade */
    [COST_ECHO_BYTE_16]   = 4,
    [COST_FETCH_DIM]      = 14,
    [COST_WRITE_DIM]      = 30,                    /* hash insert, amortized growth */
    [COST_ARRAY_INIT]     = 60,
    [COST_ELEMENT]        = 26,
    [COST_FE_FETCH]       = 14,
    [COST_ISSET]          = 8,
    [COST_SEND]           = 6,
    [COST_CALL_INTERNAL]  = 28,
    [COST_CALL_USER]      = 70,                    /* a new execute_data, its variables, leaving it */
    [COST_RECV]           = 7,
    [COST_RETURN]         = 10,
    [COST_SORT_COMPARE]   = 22,
    [COST_ERROR]          = 2500,                  /* formatting and logging one message */
};

/* sim/cmd/confine_seccomp.c - which system calls a script may not make: a filter in the kernel's own little language (seccomp,
 * classic BPF), made from tables.
 *
 * A list of what is refused and not of what is allowed: students bring programs of their own, and what reaches files, processes
 * and ports is Landlock's to refuse. Here go the doors to the kernel that no script of a lab needs, each of which has let
 * somebody out of a sandbox before, and what the other measures do not see. A refused call fails with EPERM, as for any user who
 * may not.
 */
#include "sim/cmd/confine.h"

#ifdef __linux__
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* Calls that have no name in this C library's headers yet. Numbers from 424 on are the same on all machines. */
enum {
    NR_IO_URING_SETUP = 425, NR_OPEN_TREE = 428, NR_MOVE_MOUNT = 429, NR_FSOPEN = 430, NR_FSPICK = 433, NR_PIDFD_OPEN = 434,
        NR_CLONE3 = 435, NR_PIDFD_GETFD = 438,
    NR_MOUNT_SETATTR = 442, NR_LISTMOUNT = 458,
};

static const uint32_t refused[] = {
    /* what is where */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_swapon, SYS_swapoff, SYS_quotactl,
    NR_OPEN_TREE, NR_MOVE_MOUNT, NR_FSOPEN, NR_FSPICK, NR_MOUNT_SETATTR, SYS_name_to_handle_at, SYS_open_by_handle_at,
    /* namespaces; clone is below */
    SYS_unshare, SYS_setns,
    /* another's memory and files */
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, NR_PIDFD_GETFD,
    SYS_add_key, SYS_request_key, SYS_keyctl,
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, NR_IO_URING_SETUP,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_acct, SYS_syslog,
    SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname,
    SYS_personality, SYS_vhangup, SYS_fanotify_init, SYS_migrate_pages, SYS_move_pages, SYS_mbind, SYS_set_mempolicy,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
};

/* Sockets that a script may have: Unix, TCP, and the question which addresses there are. No datagrams: Landlock knows TCP's ports
 * alone. */
static const struct { uint32_t domain, type; } sockets[] = { { AF_UNIX, 0 }, { AF_INET, SOCK_STREAM }, { AF_INET6, SOCK_STREAM },
                                                             { AF_NETLINK, 0 } };
enum { SOCKET_TYPE_MASK = 0xf };

/* Bits of clone's flags that make a namespace. CLONE_NEWTIME is in the low byte, which clone takes for a signal. */
#define CLONE_NAMESPACES ((uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
                                     CLONE_NEWNET))
#define TTY_PUSH 0x5412                /* TIOCSTI: type into another's terminal */

enum { PROGRAM_MAX = 256 };
struct program { struct sock_filter v[PROGRAM_MAX]; unsigned short n; };

static void put(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    ASSERT(p->n < PROGRAM_MAX);
    p->v[p->n++] = (struct sock_filter){ code, yes, no, k };
}

static void load(struct program *p, size_t at) { put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0); }
static void answer(struct program *p, uint32_t what) { put(p, BPF_RET | BPF_K, what, 0, 0); }
/* The next `skip` lines are for the value k alone. */
static void when(struct program *p, uint32_t k, uint8_t skip) { put(p, BPF_JMP | BPF_JEQ | BPF_K, k, 0, skip); }

#define NUMBER offsetof(struct seccomp_data, nr)
#define LOW_HALF(i) (offsetof(struct seccomp_data, args) + 8 * (i))      /* of an argument; both machines are little-endian */
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)

static void build(struct program *p)
{
#ifdef ARCH
    load(p, offsetof(struct seccomp_data, arch));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    answer(p, SECCOMP_RET_KILL_PROCESS);           /* the numbers of another machine (a 32-bit program) would be other calls */
#endif
    load(p, NUMBER);
#ifdef __x86_64__
    put(p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);         /* x32: the same calls under other numbers */
    answer(p, REFUSE);
#endif
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        when(p, refused[i], 1);
        answer(p, REFUSE);
    }
    when(p, NR_CLONE3, 1);                         /* its flags are in memory, out of sight: libraries fall back to clone */
    answer(p, SECCOMP_RET_ERRNO | ENOSYS);
    when(p, SYS_clone, 4);
    load(p, LOW_HALF(0));
    put(p, BPF_JMP | BPF_JSET | BPF_K, CLONE_NAMESPACES, 0, 1);
    answer(p, REFUSE);
    answer(p, SECCOMP_RET_ALLOW);
    when(p, SYS_ioctl, 4);
    load(p, LOW_HALF(1));
    when(p, TTY_PUSH, 1);
    answer(p, REFUSE);
    answer(p, SECCOMP_RET_ALLOW);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0);
    answer(p, SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
        load(p, LOW_HALF(0));
        when(p, sockets[i].domain, sockets[i].type ? 4 : 1);
        if (sockets[i].type) {
            load(p, LOW_HALF(1));
            put(p, BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE_MASK, 0, 0);
            when(p, sockets[i].type, 1);
        }
        answer(p, SECCOMP_RET_ALLOW);
    }
    answer(p, SECCOMP_RET_ERRNO | EACCES);
}

bool seccomp_enter(const char **why)
{
    struct program p = { .n = 0 };
    build(&p);
    struct sock_fprog filter = { .len = p.n, .filter = p.v };
#ifndef ARCH
    *why = "the numbers of this machine's system calls are not known here";
    return false;
#endif
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0)
        return true;
    *why = errno == EINVAL ? "the kernel knows no filters of system calls" : "the kernel refuses filters of system calls";
    return false;
}
#else
bool seccomp_enter(const char **why) { *why = "this is no Linux"; return false; }
#endif

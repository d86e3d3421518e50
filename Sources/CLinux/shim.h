#pragma once

// No header of the C library that Glibc's module has too, such as sys/socket.h: Swift would then look for its constants in
// this module, even in files that do not import it.
#include <sys/prctl.h>

// Declared by the C library for GNU programs alone.

/// Linux's `fallocate`: makes sure that a file has room for so many bytes.
int fallocate(int descriptor, int mode, long offset, long length);

/// `mode`: the file's size stays.
enum { FLUXQ_FALLOC_FL_KEEP_SIZE = 1 };

/// Linux's `renameat2`: renames a file, with conditions.
int renameat2(int fromDirectory, const char *from, int toDirectory, const char *to, unsigned int flags);

/// `flags`: fails if the new name is taken.
enum { FLUXQ_RENAME_NOREPLACE = 1 };

/// Linux's `pipe2`: a pipe's two ends, to read and to write, with flags such as O_CLOEXEC.
int pipe2(int ends[2], int flags);

/// Linux's `prctl` takes any number of arguments, and Swift imports no such function: no core, not even for a program that is
/// told of crashes, and no other process of this user reads this one's memory or environment.
static inline int fluxq_forgo_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

/// Has a blocking connect or send on a socket give up after that time. In C, because Swift cannot tell which of the modules
/// that include its header `timeval` belongs to.
static inline int fluxq_set_send_timeout(int socket, long seconds, long microseconds) {
    int setsockopt(int socket, int level, int name, const void *value, unsigned int length);
    enum { SOL_SOCKET_OF_LINUX = 1, SO_SNDTIMEO_OF_64_BITS = 21 };
    struct { long seconds, microseconds; } limit = {seconds, microseconds};
    return setsockopt(socket, SOL_SOCKET_OF_LINUX, SO_SNDTIMEO_OF_64_BITS, &limit, sizeof limit);
}

// sock_diag(7). Written out, because the kernel's own headers hide types of the C library from Swift.

/// Linux's `struct nlmsghdr`: the head of every netlink message. Its length includes this head.
struct fluxq_netlink_head {
    unsigned int length;
    unsigned short type;
    unsigned short flags;
    unsigned int sequence;
    unsigned int port;
};

/// `struct sockaddr_nl`. Port 0 is the kernel.
struct fluxq_netlink_address {
    unsigned short family;
    unsigned short pad;
    unsigned int port;
    unsigned int groups;
};

/// `struct inet_diag_sockid`: ports and addresses in the order of the network; an IPv4 address is the first word.
struct fluxq_diag_socket {
    unsigned short source_port;
    unsigned short destination_port;
    unsigned int source[4];
    unsigned int destination[4];
    unsigned int interface;
    unsigned int cookie[2];
};

/// `struct inet_diag_req_v2`.
struct fluxq_diag_question {
    unsigned char family;
    unsigned char protocol;
    unsigned char extensions;
    unsigned char pad;
    unsigned int states;
    struct fluxq_diag_socket socket;
};

/// `struct inet_diag_msg`.
struct fluxq_diag_answer {
    unsigned char family;
    unsigned char state;
    unsigned char timer;
    unsigned char retransmissions;
    struct fluxq_diag_socket socket;
    unsigned int expires;
    unsigned int receive_queue;
    unsigned int send_queue;
    unsigned int uid;
    unsigned int inode;
};

enum {
    FLUXQ_NETLINK_SOCK_DIAG = 4,
    FLUXQ_NLM_F_REQUEST = 1,
    FLUXQ_NLMSG_NOOP = 1,
    FLUXQ_NLMSG_ERROR = 2,
    FLUXQ_NLMSG_DONE = 3,
    FLUXQ_SOCK_DIAG_BY_FAMILY = 20,
};

"""Which IP addresses are public, as a list of those that are not.

Source: IANA's special-purpose address registries (IPv4, RFC 6890; IPv6 likewise), and the addresses at which clouds tell a machine its
own secrets. Pure. For IPv4 everything is public but what is listed. For IPv6 nothing is public but global unicast, less what is listed:
what wraps an IPv4 address (mapped, NAT64, 6to4, Teredo) is refused whole, or it would be a second spelling of every private address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

NOT_PUBLIC_IPV4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches this very machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a carrier's customers (CGNAT); 100.100.100.200 tells a machine of Alibaba's its secrets
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's own service for a virtual machine
        "169.254.0.0/16",  # link-local; 169.254.169.254 tells a machine in most clouds its secrets
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is Oracle's 169.254.169.254
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks of networks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
    )
)
GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
NOT_PUBLIC_IPV6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, with Teredo (2001::/32), which wraps IPv4
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which wraps IPv4
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Whether the address may be fetched from. False for what is no address, and for one with a zone (`fe80::1%eth0`)."""
    try:
        known = ip_address(address)
    except ValueError:
        return False
    if isinstance(known, IPv4Address):
        return not any(known in network for network in NOT_PUBLIC_IPV4)
    return _is_public_ipv6(known)


def _is_public_ipv6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in GLOBAL_UNICAST:
        return False
    return not any(address in network for network in NOT_PUBLIC_IPV6)

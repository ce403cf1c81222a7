package dev.spinel.net;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// One listener that `bind` asks for. `*` is every IPv4 address, `::*` every IPv6 one, as `0.0.0.0`
/// and `::` are; a leading `-` allows an address to be missing on this machine.
///
/// Redis opens a socket for each address, and those for IPv6 let no IPv4 in. Where all addresses of
/// both families are asked for, as by default, one socket serves both here: two would cost a
/// start-up the way to the option that keeps IPv4 out.
///
/// @param name as it was written, without the dash
/// @param reach whose connections it takes
/// @param ip null if the name is none
/// @param unknown why the name is none
record Binding(
    String name, boolean optional, Reach reach, @Nullable InetAddress ip, String unknown) {
  enum Reach {
    /// Of one address, or of all of IPv4.
    PLAIN,
    /// All addresses of IPv6.
    ALL_IPV6,
    /// All addresses there are. The name is the one for IPv4.
    ALL
  }

  /// What a list of addresses asks for.
  static List<Binding> of(List<String> addresses) {
    var bindings = new ArrayList<Binding>(addresses.size());
    for (var address : addresses) {
      bindings.add(of(address));
    }
    Binding four = null;
    Binding six = null;
    for (var binding : bindings) {
      if (six == null && binding.reach == Reach.ALL_IPV6) {
        six = binding;
      } else if (four == null && binding.isAllIpv4()) {
        four = binding;
      }
    }
    if (four != null && six != null) {
      bindings.set(
          bindings.indexOf(six),
          new Binding(four.name, six.optional, Reach.ALL, six.ip, six.unknown));
      bindings.remove(four);
    }
    return bindings;
  }

  private static Binding of(String written) {
    boolean optional = written.startsWith("-");
    var name = optional ? written.substring(1) : written;
    try {
      var ip = resolve(name);
      boolean six = name.indexOf(':') >= 0 && ip.isAnyLocalAddress();
      return new Binding(name, optional, six ? Reach.ALL_IPV6 : Reach.PLAIN, ip, "");
    } catch (UnknownHostException e) {
      return new Binding(name, optional, Reach.PLAIN, null, reason(name, e));
    }
  }

  /// An address with a colon is of IPv6, any other name is one of IPv4.
  private static InetAddress resolve(String name) throws UnknownHostException {
    if (name.equals("*")) {
      return InetAddress.getByAddress(new byte[4]);
    }
    if (name.equals("::*")) {
      return InetAddress.getByAddress(new byte[16]);
    }
    if (name.isEmpty() || name.startsWith("[")) { // which the JDK takes for something
      throw new UnknownHostException();
    }
    if (name.indexOf(':') >= 0) {
      return InetAddress.getByName(name);
    }
    for (var ip : InetAddress.getAllByName(name)) {
      if (ip instanceof Inet4Address) {
        return ip;
      }
    }
    throw new UnknownHostException(name + ": Address family for hostname not supported");
  }

  /// What the resolver said, in C's words.
  private static String reason(String name, UnknownHostException e) {
    var message = Objects.requireNonNullElse(e.getMessage(), "");
    return message.startsWith(name + ": ") && name.indexOf(':') < 0 && !name.isEmpty()
        ? message.substring(name.length() + 2)
        : "Name or service not known";
  }

  private boolean isAllIpv4() {
    return ip instanceof Inet4Address && ip.isAnyLocalAddress();
  }

  boolean isIpv6() {
    return name.indexOf(':') >= 0 || reach == Reach.ALL;
  }

  /// The same for IPv4 alone, of one that is for [Reach#ALL].
  Binding onlyIpv4() {
    try {
      return new Binding(name, false, Reach.PLAIN, InetAddress.getByAddress(new byte[4]), "");
    } catch (UnknownHostException e) {
      throw new AssertionError(e); // four bytes are an address
    }
  }

  InetSocketAddress at(int port) throws UnknownHostException {
    if (ip == null) {
      throw new UnknownHostException(unknown);
    }
    return new InetSocketAddress(ip, port);
  }

  /// Whether a listener is what this asks for.
  boolean isServedBy(Listener listener, int port) {
    return ip != null
        && listener.reach() == reach
        && listener.address().equals(Addresses.text(new InetSocketAddress(ip, port)));
  }

  /// What Redis says when it can't be had.
  String refusal(int port, String reason) {
    return "Could not create server TCP listening socket " + name + ":" + port + ": " + reason;
  }
}

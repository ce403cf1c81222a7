package dev.spinel.pubsub;

import dev.spinel.engine.Recorder;
import dev.spinel.engine.Session;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/// Who listens to which names, of one kind. Names are spread over stripes, each with a lock;
/// telling happens under it, so that all listeners of a name hear one order. Any thread.
final class Listeners {
  private static final int STRIPES = 64;
  private static final Session[] NOBODY = {};

  private static final class Stripe {
    final ReentrantLock lock = new ReentrantLock();
    final HashMap<Slice, Session[]> listeners = new HashMap<>(); // lock; arrays are never changed
    volatile int size;
  }

  private final Stripe[] stripes = new Stripe[STRIPES];

  Listeners() {
    for (int i = 0; i < STRIPES; i++) {
      stripes[i] = new Stripe();
    }
  }

  private final AtomicInteger names = new AtomicInteger();

  private void resize(Stripe stripe) {
    names.addAndGet(stripe.listeners.size() - stripe.size);
    stripe.size = stripe.listeners.size();
  }

  private Stripe stripe(Slice name) {
    int hash = name.hashCode();
    return stripes[(hash ^ hash >>> 16) & (STRIPES - 1)];
  }

  void add(Slice name, Session session) {
    Stripe stripe = stripe(name);
    stripe.lock.lock();
    try {
      Session[] old = stripe.listeners.getOrDefault(name, NOBODY);
      Session[] all = Arrays.copyOf(old, old.length + 1);
      all[old.length] = session;
      stripe.listeners.put(name, all);
      resize(stripe);
    } finally {
      stripe.lock.unlock();
    }
  }

  void remove(Slice name, Session session) {
    Stripe stripe = stripe(name);
    stripe.lock.lock();
    try {
      Session[] old = stripe.listeners.getOrDefault(name, NOBODY);
      Session[] left = Arrays.stream(old).filter(other -> other != session).toArray(Session[]::new);
      if (left.length == 0) {
        stripe.listeners.remove(name);
      } else {
        stripe.listeners.put(name, left);
      }
      resize(stripe);
    } finally {
      stripe.lock.unlock();
    }
  }

  /// Posts the message to all who listen to the name. Returns how many.
  int tell(Slice name, PubSub.Message message, Recorder by) {
    Stripe stripe = stripe(name);
    if (stripe.size == 0) {
      return 0;
    }
    stripe.lock.lock();
    try {
      Session[] all = stripe.listeners.getOrDefault(name, NOBODY);
      for (Session session : all) {
        message.post(session, by);
      }
      return all.length;
    } finally {
      stripe.lock.unlock();
    }
  }

  int count(Slice name) {
    Stripe stripe = stripe(name);
    stripe.lock.lock();
    try {
      return stripe.listeners.getOrDefault(name, NOBODY).length;
    } finally {
      stripe.lock.unlock();
    }
  }

  /// Whether anybody listens to anything: racy, as good as the question having come earlier.
  boolean any() {
    return names.get() != 0;
  }

  int size() {
    return names.get();
  }

  List<Slice> names() {
    ArrayList<Slice> names = new ArrayList<>();
    for (Stripe stripe : stripes) {
      stripe.lock.lock();
      names.addAll(stripe.listeners.keySet());
      stripe.lock.unlock();
    }
    return names;
  }
}

/// What a cluster is and how it is to change, decided without doing anything: nodes read from
/// CLUSTER NODES, the first distribution of slots and replicas, the slots that move.
///
/// Called by the cluster manager, which connects, asks, shows and carries out. It knows no
/// connection, clock or output; randomness is handed in.
@NullMarked
package dev.spinel.cli.cluster;

import org.jspecify.annotations.NullMarked;

package dev.spinel.cli;

/// The program ends here, with this status. Whatever is to be said has been said.
public final class Exit extends RuntimeException {
  private static final long serialVersionUID = 1;

  public final int status;

  public Exit(int status) {
    super(null, null, false, false);
    this.status = status;
  }
}

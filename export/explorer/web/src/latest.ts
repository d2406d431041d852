/** Runs one job at a time, and of those that wait only the last: as a slider wants it. */
export class Latest {
  private next: (() => Promise<void>) | null = null;
  private running: Promise<void> | null = null;

  /** @param onError told of what a job throws. */
  constructor(private readonly onError: (error: unknown) => void) {}

  run(job: () => Promise<void>): void {
    this.next = job;
    this.running ??= this.work();
  }

  /** Whether a newer job waits: the one that runs may give up. */
  get isOutdated(): boolean {
    return this.next !== null;
  }

  /** Resolves when nothing runs or waits. */
  async settled(): Promise<void> {
    while (this.running) await this.running;
  }

  private async work(): Promise<void> {
    // What comes in the same moment replaces this job before it has begun.
    await Promise.resolve();
    while (this.next) {
      const job = this.next;
      this.next = null;
      try {
        await job();
      } catch (error) {
        this.onError(error);
      }
    }
    this.running = null;
  }
}

# frozen_string_literal: true

# Sidekiq in a benchmark; the roles and lines are those of roles.mjs.
#
# Sidekiq with its defaults, except for its log, which would tell of every job. It keeps no results: what `perform` returns is
# dropped.

require "json"
require "sidekiq"

Redis.silence_deprecations = true # Debian has a newer redis gem than this Sidekiq was written for

TEXT = "x" * 100
# How many jobs `fill` pushes in one call.
MANY = 1000

class Noop
  include Sidekiq::Job
  sidekiq_options queue: "bench"

  def perform(_text)
    NOTES.enter(jid)
  end
end

# What the handler notes: how many jobs it ran, and when it was entered.
class Notes
  def initialize(count, entries)
    @count, @entries = count, entries
    @lock = Mutex.new
    @done = 0
    @entered = []
    @began = clock
  end

  def enter(id)
    enough = @lock.synchronize do
      @began = clock if @done.zero?
      @entered << {id: id, us: now} if @entries
      (@done += 1) == @count
    end
    tell if enough
  end

  def tell
    jobs, seconds, entered = @lock.synchronize { [@done, clock - @began, @entered.slice!(0..)] }
    say(jobs: jobs, seconds: seconds)
    entered.each { |entry| say(entry) }
  end
end

def clock
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

# The wall clock in microseconds; all processes of a machine share it.
def now
  Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
end

def say(event)
  $stdout.write("#{JSON.generate(event)}\n")
  $stdout.flush
end

def fill(options)
  say(ready: true)
  began = clock
  (0...options["count"]).step(MANY) do |pushed|
    Noop.perform_bulk([[TEXT]] * [MANY, options["count"] - pushed].min)
  end
  say(jobs: options["count"], seconds: clock - began)
end

def produce(options)
  say(ready: true)
  $stdin.gets
  began = clock
  finish = began + options["seconds"]
  producers = Array.new(options["producers"]) do
    Thread.new do
      pushed = 0
      while clock < finish
        Noop.perform_async(TEXT)
        pushed += 1
      end
      pushed
    end
  end
  say(jobs: producers.sum(&:value), seconds: clock - began)
end

def pickup(options)
  say(ready: true)
  $stdin.gets
  began = clock
  answers = Array.new(options["rate"] * options["seconds"]) do |sent|
    wait = began + sent.fdiv(options["rate"]) - clock
    sleep(wait) if wait.positive?
    {id: Noop.perform_async(TEXT), us: now}
  end
  say(jobs: answers.size, seconds: clock - began)
  answers.each { |answer| say(answer) }
end

def work(options)
  require "sidekiq/cli" # makes this process a server, which the others are not
  Object.const_set(:NOTES, Notes.new(options["count"], options["entries"]))
  Sidekiq.configure_server do |config|
    config.redis = {url: options["url"]}
    config.on(:startup) { say(ready: true) }
  end
  Thread.new do
    $stdin.each_line { NOTES.tell }
    Process.kill(:TERM, Process.pid)
  end
  cli = Sidekiq::CLI.instance
  cli.parse(["-e", "production", "-q", "bench", "-c", options["concurrency"].to_s, "-r", __FILE__])
  Sidekiq.logger.level = Logger::WARN
  cli.run(boot_app: false)
end

role, words = ARGV
options = JSON.parse(words || "{}")
Sidekiq.logger = Logger.new($stderr, level: Logger::WARN)
case role
when "version"
  say(version: Sidekiq::VERSION)
when "work"
  work(options)
when "fill", "produce", "pickup"
  Sidekiq.configure_client { |config| config.redis = {url: options["url"], size: options["producers"] || 1} }
  Sidekiq.redis(&:ping) # connects before the first push
  send(role, options)
  $stdin.read # its CPU time is read meanwhile
end

//! The client against servers on this machine that misbehave on request.

#[cfg(test)]
mod downloads;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;

"""Random hops of vacancies: Langevin trains, exact counts, predictions, spread from device to device."""
